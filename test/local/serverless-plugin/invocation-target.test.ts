import { describe, expect, it } from 'vitest';
import { invocationTarget, parseLocalRegion } from '#local/serverless-plugin/invocation-target.ts';

const region = { pid: 4711, env: { TABLE_NAME: 'muster-local', AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:4001' } };
const lives = () => true;
const gone = () => false;

describe('invocationTarget', () => {
  it('goes to the local region while its process lives, whatever credentials there are', () => {
    const target = invocationTarget(region, lives, 'production', {
      AWS_PROFILE: 'production',
      AWS_ACCESS_KEY_ID: 'AKIA',
    });
    expect(target).toEqual({ kind: 'local', env: expect.objectContaining(region.env) });
  });

  it('asks about the process that the local region named', () => {
    const asked: number[] = [];
    invocationTarget(region, (pid) => asked.push(pid) > 0, undefined, {});
    expect(asked).toEqual([region.pid]);
  });

  it('gives a local invocation keys of no account, and no reason to look for instance metadata', () => {
    expect(invocationTarget(region, lives, undefined, {})).toMatchObject({
      env: { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_EC2_METADATA_DISABLED: 'true' },
    });
  });

  it('lets the local region name its own keys and AWS region', () => {
    const own = { AWS_ACCESS_KEY_ID: '111122223333', AWS_REGION: 'eu-central-1' };
    expect(invocationTarget({ pid: 1, env: own }, lives, undefined, {})).toMatchObject({ env: own });
  });

  it.each([
    ['a profile option', 'production', {}],
    ['a profile in the environment', undefined, { AWS_PROFILE: 'production' }],
    ['a key in the environment', undefined, { AWS_ACCESS_KEY_ID: 'AKIA' }],
  ])('goes to AWS with %s once the local region is gone', (_, profile, env) => {
    expect(invocationTarget(region, gone, profile, env)).toEqual({ kind: 'aws' });
    expect(invocationTarget(undefined, lives, profile, env)).toEqual({ kind: 'aws' });
  });

  it('goes nowhere without a local region and without a word for AWS', () => {
    expect(invocationTarget(region, gone, undefined, { AWS_REGION: 'us-east-1' })).toEqual({ kind: 'none' });
    expect(invocationTarget(undefined, lives, '', { AWS_PROFILE: '' })).toEqual({ kind: 'none' });
  });
});

describe('parseLocalRegion', () => {
  it('reads what a running local region leaves', () => {
    expect(parseLocalRegion(JSON.stringify({ ...region, url: 'http://127.0.0.1:4000' }))).toEqual(region);
  });

  it.each([undefined, '', '{', 'null', '[]', '{"pid":"4711","env":{}}', '{"pid":4711}', '{"pid":4711,"env":null}'])(
    'takes %j for no local region',
    (text) => {
      expect(parseLocalRegion(text)).toBeUndefined();
    },
  );
});
