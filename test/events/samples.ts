import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { APIGatewayProxyEventV2, DynamoDBStreamEvent, EventBridgeEvent, SQSEvent } from 'aws-lambda';
import { withPresentTimes } from '#local/serverless-plugin/present-times.ts';

const folder = resolve(import.meta.dirname, '../../events');

/** The names of all samples, without `.json`. */
export const sampleNames = readdirSync(folder).flatMap((file) =>
  file.endsWith('.json') ? [file.slice(0, -'.json'.length)] : [],
);

/** A sample as `serverless invoke local` hands it over at `now`. */
export function sample<Event>(name: string, now = new Date()): Event {
  return withPresentTimes(JSON.parse(readFileSync(resolve(folder, `${name}.json`), 'utf8')), now) as Event;
}

/** The bodies of a sample of a queue's messages. */
export const bodiesOf = (name: string, now?: Date): unknown[] =>
  sample<SQSEvent>(name, now).Records.map(({ body }) => JSON.parse(body));

export const httpSample = (name: string): APIGatewayProxyEventV2 => sample<APIGatewayProxyEventV2>(name);
export const streamSample = (name: string): DynamoDBStreamEvent => sample<DynamoDBStreamEvent>(name);
export const busSample = (name: string): EventBridgeEvent<string, { meta: object; data: object }> => sample(name);
