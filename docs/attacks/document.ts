import type { Section } from './attack.ts';

export const document: Section = {
  title: 'The document',
  attacks: [
    {
      number: 50,
      attack: 'An account id that is a JSON number, is too short or too long, or has blanks or non-ASCII digits',
      codes: ['malformed_document'],
      layer: 'document',
    },
    {
      number: 51,
      attack: 'An instance id that contains separators of the table’s keys, or that is not an instance id',
      codes: ['malformed_document'],
      layer: 'document',
    },
    {
      number: 52,
      attack: 'A Region in another spelling or with a host name in it; a zone of another Region',
      codes: ['malformed_document'],
      harmless: 'Names of local and wavelength zones are longer, but begin with the name of their Region.',
      layer: 'document',
    },
    {
      number: 53,
      attack: 'A `pendingTime` with an offset, without a zone, or on a day that does not exist',
      codes: ['malformed_document'],
      layer: 'document',
    },
    {
      number: 54,
      attack: 'The members that identify the instance are missing or null; new members',
      codes: ['malformed_document'],
      harmless: 'Members that Muster does not know are not read.',
      layer: 'document',
    },
    {
      number: 55,
      attack: 'A document that is a list or a text, or that has more text after its object',
      codes: ['malformed_document'],
      layer: 'document',
    },
    {
      number: 56,
      attack: 'A private address that is not an IP address',
      codes: ['malformed_document'],
      layer: 'document',
    },
  ],
};
