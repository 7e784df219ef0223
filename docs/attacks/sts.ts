import type { Section } from './attack.ts';

export const sts: Section = {
  title: 'The STS proof',
  attacks: [
    {
      number: 78,
      attack: 'A request to another host than the STS host',
      codes: ['malformed_request', 'sts_unknown_region', 'sts_refused'],
      harmless: 'Muster builds the request, and takes the host from a table by Region.',
      layer: 'sts',
    },
    {
      number: 79,
      attack: 'Another action, another version, a second parameter, a query',
      codes: ['malformed_request', 'sts_refused'],
      harmless: 'Muster builds the method, the path and the body.',
      layer: 'sts',
    },
    {
      number: 80,
      attack: 'A header that ties the request to this enrollment, but is not signed or is there twice',
      codes: ['malformed_request', 'sts_refused'],
      harmless: 'Muster builds the list of signed headers, with each header once.',
      layer: 'sts',
    },
    {
      number: 81,
      attack: 'A request that was signed for another deployment, another key or another enrollment',
      codes: ['sts_refused'],
      layer: 'sts',
    },
    {
      number: 82,
      attack: 'A header that makes STS answer in another format',
      codes: ['malformed_request', 'sts_refused'],
      harmless: 'Muster sends its own headers and no others.',
      layer: 'sts',
    },
    {
      number: 83,
      attack: 'An answer that redirects, is too long, is not JSON or names two callers',
      codes: ['sts_unavailable'],
      layer: 'stsAnswer',
    },
    {
      number: 84,
      attack: 'An ordinary role with a session name that looks like an instance id',
      codes: ['sts_not_instance_role'],
      layer: 'stsAnswer',
    },
    {
      number: 85,
      attack: 'The role of another instance or account than in the document',
      codes: ['sts_other_instance'],
      layer: 'stsAnswer',
    },
    {
      number: 86,
      attack: 'A request to STS with a signing date too far in the past or in the future',
      codes: ['clock_skew'],
      layer: 'sts',
    },
  ],
};
