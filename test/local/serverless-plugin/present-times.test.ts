import { expect, it } from 'vitest';
import { withPresentTimes } from '#local/serverless-plugin/present-times.ts';

const now = new Date('2026-11-02T10:00:05.678Z');

it.each([
  ['@now', '2026-11-02T10:00:05Z'],
  ['@now-5s', '2026-11-02T10:00:00Z'],
  ['@now-15m', '2026-11-02T09:45:05Z'],
  ['@now+2h', '2026-11-02T12:00:05Z'],
  ['@now+30d', '2026-12-02T10:00:05Z'],
])('replaces %s by the time that it means, in whole seconds', (token, time) => {
  expect(withPresentTimes({ time: token, list: [token] }, now)).toEqual({ time, list: [time] });
});

it('reaches into the JSON that a message’s body is', () => {
  const payload = { Records: [{ body: '{"time":"@now-5s","other":"@now"}' }] };
  const body = '{"time":"2026-11-02T10:00:00Z","other":"2026-11-02T10:00:05Z"}';
  expect(withPresentTimes(payload, now)).toEqual({ Records: [{ body }] });
});

it.each(['ann@nowhere.example', '@nowhere', '@now-5', '@now-5w', 'see @now'])('leaves %j as it is', (text) => {
  expect(withPresentTimes({ text, body: `{"text":"${text}"}` }, now)).toEqual({ text, body: `{"text":"${text}"}` });
});

it('leaves everything that is no text as it is', () => {
  const payload = { count: 1, flag: true, nothing: null, list: [], object: {} };
  expect(withPresentTimes(payload, now)).toEqual(payload);
  expect(withPresentTimes(undefined, now)).toBeUndefined();
});
