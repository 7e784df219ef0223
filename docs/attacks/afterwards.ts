import type { Section } from './attack.ts';

export const afterwards: Section = {
  title: 'After the enrollment',
  attacks: [
    {
      number: 103,
      attack: 'A check-in token for another route, method or body, an old token, or a token that was used before',
      codes: ['wrong_audience', 'body_hash_mismatch', 'clock_skew', 'stale_sequence'],
      harmless: 'A token that is sent again changes nothing: Muster applies a report only if its number is new.',
      layer: 'checkin',
    },
    {
      number: 104,
      attack: 'A check-in after the instance terminated, after its release, or after another key was enrolled',
      codes: ['agent_unknown', 'key_denied'],
      harmless: 'If the record says that the instance ended, Muster doubts the record and asks EC2.',
      layer: 'checkin',
    },
    {
      number: 105,
      attack: 'An agent’s key, used from another machine',
      codes: ['identity_conflict', 'stale_sequence'],
      harmless: 'Muster accepts both for two links at most. After that it accepts one of them, or neither.',
      layer: 'checkin',
    },
    {
      number: 106,
      attack: 'A re-enrollment with a weaker proof than before',
      codes: ['proof_too_weak'],
      layer: 'replacement',
    },
    {
      number: 107,
      attack: 'Check-ins without a pause, as another boot each time, so that no request of an operator goes through',
      codes: ['key_denied'],
      harmless: 'Muster applies few of the reports, and denies the key before it changes the instance’s record.',
      layer: 'checkin',
    },
    {
      number: 108,
      attack: 'Rotations without a pause, so that each later check-in with the first key costs many reads',
      codes: ['rotated_too_often'],
      harmless: 'Muster finds the agent that has the instance now in one read.',
      layer: 'replacement',
    },
    {
      number: 109,
      attack: 'Check-ins in the name of a key that the sender does not hold, to learn whether it is enrolled',
      codes: ['agent_unknown'],
      layer: 'checkin',
    },
  ],
};
