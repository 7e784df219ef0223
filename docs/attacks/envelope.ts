import type { Section } from './attack.ts';

export const envelope: Section = {
  title: 'The envelope',
  attacks: [
    {
      number: 1,
      attack: 'A body of more than 16 KiB, or a Content-Length header that gives another length than the body has',
      codes: ['body_too_large'],
      harmless: 'Muster does not read the header. It counts the bytes of the body.',
      layer: 'request',
    },
    {
      number: 2,
      attack: 'Another content type, or a body that is base64 though its flag says otherwise',
      codes: ['unsupported_media_type', 'malformed_jws'],
      layer: 'body',
    },
    {
      number: 3,
      attack: 'A body that is compressed or still in chunks',
      codes: ['unsupported_media_type', 'malformed_jws'],
      layer: 'body',
    },
    {
      number: 4,
      attack:
        'A JWS with too many or too few parts, with an empty part, or with padding, blanks or characters that base64url does not have',
      codes: ['malformed_jws'],
      layer: 'jws',
    },
    {
      number: 5,
      attack: 'One JSON object that names a member twice: in the header, the payload or the document',
      codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
      layer: 'json',
    },
    {
      number: 6,
      attack:
        'Members that every JavaScript object has, such as `__proto__`; very deep nesting; a list in place of a text',
      codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
      layer: 'json',
    },
    {
      number: 7,
      attack: 'Text that can be decoded in two ways: invalid UTF-8, a byte order mark, half of a surrogate pair',
      codes: ['malformed_jws', 'malformed_request', 'malformed_document'],
      layer: 'json',
    },
  ],
};
