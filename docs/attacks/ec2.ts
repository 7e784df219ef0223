import type { Section } from './attack.ts';

export const ec2: Section = {
  title: 'What EC2 says',
  attacks: [
    {
      number: 87,
      attack: 'A document of an instance that EC2 does not list: soon after its start, and long after',
      codes: ['instance_not_described', 'retry', 'enrollment_window_closed'],
      layer: 'decision',
    },
    {
      number: 88,
      attack: 'A document that differs from what EC2 says about the instance',
      codes: ['stale_document', 'document_from_future'],
      harmless:
        'Muster compares the start. AWS wrote image, type, zone and address in both. If the address differs, Muster notes it on the binding.',
      layer: 'decision',
    },
    {
      number: 89,
      attack: 'A root volume or a network interface that was moved to this instance from another one',
      codes: ['attachments_differ', 'instance_not_described'],
      layer: 'decision',
    },
    {
      number: 90,
      attack: 'An answer of EC2 about another instance than Muster asked for, or about two instances',
      codes: ['instance_not_described'],
      layer: 'ec2',
    },
    {
      number: 91,
      attack: 'Tags that say that Muster launched the instance',
      codes: ['grant_of_other_instance'],
      layer: 'grants',
    },
    {
      number: 92,
      attack:
        'An account whose role is missing or throttled, so that Muster takes the failure for an answer or delays other accounts',
      codes: ['retry', 'instance_not_described'],
      harmless:
        'The other accounts of the batch get their answers, and Muster asks for this role only once in ten seconds.',
      layer: 'members',
    },
    {
      number: 93,
      attack: 'Credentials of one account, used for another account',
      codes: [],
      harmless: 'Muster keeps credentials by partition and account, and uses them only if STS names that account.',
      layer: 'members',
    },
  ],
};
