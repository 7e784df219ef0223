import type { Outbox } from '#shared/app/ports.ts';

/** A queue that keeps what it is given, with the delay of each message. */
export class KeepingOutbox<Message> implements Outbox<Message> {
  readonly sent: { message: Message; delaySeconds: number }[] = [];

  async send(messages: readonly Message[], delaySeconds = 0): Promise<void> {
    this.sent.push(...messages.map((message) => ({ message, delaySeconds })));
  }

  get messages(): Message[] {
    return this.sent.map(({ message }) => message);
  }
}
