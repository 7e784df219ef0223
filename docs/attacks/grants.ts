import type { Section } from './attack.ts';

export const grants: Section = {
  title: 'Grants and policy',
  attacks: [
    {
      number: 94,
      attack:
        'A launch’s grant on another server’s instance, of an older generation, used by a second key, truncated or empty',
      codes: ['grant_of_other_instance', 'ambiguous_launch', 'already_enrolled', 'malformed_request'],
      layer: 'decision',
    },
    {
      number: 95,
      attack: 'Twenty enrollments at once with a key that has one use left',
      codes: ['grant_used_up'],
      layer: 'binding',
    },
    {
      number: 96,
      attack: 'An enrollment key that has expired, was revoked, or has another scope',
      codes: ['grant_expired', 'grant_revoked', 'grant_out_of_scope', 'refused'],
      layer: 'grants',
    },
    {
      number: 97,
      attack: 'A policy or pinned keys that are missing, empty or unreadable',
      codes: ['internal', 'unusable_anchors', 'unknown_region', 'proof_not_allowed'],
      layer: 'config',
    },
  ],
};
