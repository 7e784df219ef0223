import type { Section } from './attack.ts';

export const agentKey: Section = {
  title: 'The agent’s key',
  attacks: [
    {
      number: 8,
      attack: 'Any `alg` other than `EdDSA`, also in other spellings, or no `alg`',
      codes: ['unsupported_algorithm'],
      layer: 'jws',
    },
    {
      number: 9,
      attack: 'A signature by another key than the key in the header; headers that say where to get a key',
      codes: ['bad_signature', 'malformed_jws'],
      layer: 'jws',
    },
    {
      number: 10,
      attack: 'A `jwk` that contains the private key',
      codes: ['private_key_exposed'],
      layer: 'request',
    },
    {
      number: 11,
      attack: 'A `jwk` of another type or curve, or with additional members',
      codes: ['unsupported_algorithm', 'malformed_jws'],
      layer: 'request',
    },
    {
      number: 12,
      attack: 'A key of low order: everybody can sign for such a key',
      codes: ['weak_key'],
      layer: 'request',
    },
    {
      number: 13,
      attack: 'A second encoding of one key, so that Muster counts it as two keys',
      codes: ['malformed_jws', 'weak_key'],
      layer: 'request',
    },
    {
      number: 14,
      attack: 'A second valid-looking signature, made from the first by adding the order of the group',
      codes: ['bad_signature'],
      layer: 'jws',
    },
    {
      number: 15,
      attack:
        '`crit`, `b64` or another `typ`; a check-in token sent as an enrollment, or an enrollment sent as a check-in token',
      codes: ['malformed_jws', 'unsupported_algorithm'],
      layer: 'jws',
    },
    {
      number: 16,
      attack:
        'A request that was made for another deployment, or for an address that differs from this one only slightly',
      codes: ['wrong_audience'],
      layer: 'request',
    },
    {
      number: 17,
      attack:
        'An `iat` that is not a whole number of seconds, or that differs from Muster’s clock by more than five minutes',
      codes: ['malformed_request', 'clock_skew'],
      layer: 'request',
    },
    {
      number: 18,
      attack: 'The same request again; and again after the key was released or blocked',
      codes: ['key_denied'],
      harmless: 'Muster gives the same key the same answer, and makes no second record and no second event.',
      layer: 'decision',
    },
    {
      number: 19,
      attack: 'A key that is enrolled on another instance, for example from an image of that instance’s disk',
      codes: ['key_bound_elsewhere'],
      layer: 'decision',
    },
    {
      number: 20,
      attack: 'A key that was released or blocked',
      codes: ['key_denied'],
      layer: 'decision',
    },
  ],
};
