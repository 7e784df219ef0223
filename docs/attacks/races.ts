import type { Section } from './attack.ts';

export const races: Section = {
  title: 'Concurrent enrollments',
  attacks: [
    {
      number: 69,
      attack: 'Two keys enroll at the same moment',
      codes: ['already_enrolled'],
      layer: 'binding',
    },
    {
      number: 70,
      attack: 'The same request twice at once, or again after a timeout',
      codes: [],
      harmless: 'Muster makes one record and one event, and gives both the same answer.',
      layer: 'binding',
    },
    {
      number: 71,
      attack: 'A crash between the write and the answer, or before the event',
      codes: [],
      harmless: 'The next attempt gets the answer. The event follows from the record, through the table’s stream.',
      layer: 'binding',
    },
    {
      number: 72,
      attack: 'An enrollment before EC2 has described the instance',
      codes: ['instance_not_described', 'retry'],
      layer: 'decision',
    },
    {
      number: 73,
      attack: 'An enrollment while the instance stops, or after it terminated',
      codes: ['instance_not_running'],
      layer: 'decision',
    },
    {
      number: 74,
      attack: 'A conflict of two transactions that looks like an existing enrollment',
      codes: ['busy'],
      layer: 'binding',
    },
    {
      number: 75,
      attack:
        'A permitted re-enrollment, used twice, on another instance, too late, or after the operator took it back',
      codes: [
        'refused',
        're_enrollment_only',
        'already_enrolled',
        'grant_used_up',
        'grant_out_of_scope',
        'grant_expired',
        'grant_revoked',
      ],
      layer: 'grants',
    },
    {
      number: 76,
      attack: 'Re-enrollment on restart, after only the system or the agent restarted',
      codes: ['refused', 'already_enrolled'],
      layer: 'replacement',
    },
    {
      number: 77,
      attack: 'An image made of an enrolled machine, and its clones',
      codes: ['key_bound_elsewhere'],
      harmless: 'On a new instance id the agent deletes the old identity and makes a new key.',
      layer: 'decision',
    },
  ],
};
