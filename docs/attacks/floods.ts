import type { Section } from './attack.ts';

export const floods: Section = {
  title: 'Floods and information leaks',
  attacks: [
    {
      number: 98,
      attack: 'A flood of correctly signed requests with invalid documents, or with an enrollment key that has ended',
      codes: [
        'malformed_signature',
        'malformed_document',
        'invalid_signature',
        'grant_revoked',
        'grant_expired',
        'grant_used_up',
      ],
      layer: 'object',
    },
    {
      number: 99,
      attack: 'A flood from one genuine instance',
      codes: ['refused'],
      harmless:
        'Muster writes the instance’s record at most once an hour and does not ask EC2. The route has a throttle of its own.',
      layer: 'decision',
    },
    {
      number: 100,
      attack: 'Requests that try to find out which accounts, instances or grants exist',
      codes: ['refused'],
      layer: 'decision',
    },
    {
      number: 101,
      attack: 'Line breaks, escape codes or very long texts in what the agent says about its machine',
      codes: ['malformed_request'],
      layer: 'request',
    },
    {
      number: 102,
      attack: 'Documents, signatures or tokens in log lines and error answers, for an attacker who reads those',
      codes: ['refused'],
      layer: 'binding',
    },
  ],
};
