import type { Section } from './attack.ts';

export const freshness: Section = {
  title: 'Freshness and replay',
  attacks: [
    {
      number: 62,
      attack: 'A stolen document, after the true agent has enrolled',
      codes: ['refused', 'already_enrolled'],
      layer: 'grants',
    },
    {
      number: 63,
      attack: 'A stolen document, before the true agent enrolls',
      codes: ['refused'],
      layer: 'decision',
    },
    {
      number: 64,
      attack: 'The document of an instance that was terminated',
      codes: ['refused', 'instance_not_running'],
      layer: 'decision',
    },
    {
      number: 65,
      attack: 'A document from before the instance’s last start',
      codes: ['stale_document'],
      layer: 'decision',
    },
    {
      number: 66,
      attack: 'A document that is newer than what EC2 said, or newer than now',
      codes: ['retry', 'document_from_future'],
      layer: 'decision',
    },
    {
      number: 67,
      attack: 'An older document of an instance that has enrolled with a newer one',
      codes: ['stale_document', 'already_enrolled'],
      layer: 'decision',
    },
    {
      number: 68,
      attack: 'A document from an image, a bucket, a support bundle or a public test suite',
      codes: ['refused', 'unsupported_signature'],
      layer: 'decision',
    },
  ],
};
