import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { StateChangeEvent } from '../aws/ec2/state-change-event.ts';
import type { ClientOptions } from './account.ts';
import { eventSource } from './settings.ts';

const attempts = 20;

/**
 * Puts each event on the default bus of its own account and Region, as EC2 does, but under the rehearsal's source: nobody but AWS
 * may put events as `aws.ec2`. An emulator that is being restarted is asked again.
 */
export function eventsTo(root: ClientOptions, report: (error: unknown) => void): (event: StateChangeEvent) => void {
  const clients = new Map<string, EventBridgeClient>();
  const clientOf = ({ account, region }: StateChangeEvent): EventBridgeClient => {
    const place = `${account}/${region}`;
    const credentials = { ...root.credentials, accessKeyId: account };
    const client = clients.get(place) ?? new EventBridgeClient({ ...root, region, credentials, maxAttempts: attempts });
    clients.set(place, client);
    return client;
  };
  return (event) => {
    const entry = {
      Source: eventSource,
      DetailType: event['detail-type'],
      Detail: JSON.stringify(event.detail),
      Resources: [...event.resources],
      Time: new Date(event.time),
    };
    void clientOf(event)
      .send(new PutEventsCommand({ Entries: [entry] }))
      .catch(report);
  };
}
