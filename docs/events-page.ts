import { detailSchema, eventCatalogue } from '#shared/domain/events/event-catalogue.ts';
import type { DetailType } from '#shared/domain/events/events.ts';
import { code, json, madeFrom, page, table } from './markdown.ts';
import { type Schema, typeOf } from './schema-table.ts';

export const detailTypes = Object.keys(eventCatalogue) as DetailType[];

/** The sample of an event in events/. */
export const sampleFile = (detailType: DetailType): string =>
  `events/muster.${detailType.toLowerCase().replaceAll(' ', '-')}.json`;

/** docs/events.md. `samples` holds the JSON of every detail type's sample. */
export function eventsPage(samples: Readonly<Record<string, unknown>>): string {
  return page(
    madeFrom('shared/domain/events/event-catalogue.ts and the samples in events/'),
    '# Events',
    introduction,
    table(
      ['Detail type', 'Means'],
      detailTypes.map((type) => [`[${type}](#${anchorOf(type)})`, eventCatalogue[type].meaning]),
    ),
    '## What every event has',
    `${code('detail')} is ${code('{ "meta": …, "data": … }')}. ${code('data')} is listed below, by type. ${code('meta')} is:`,
    metaTable,
    ...detailTypes.flatMap((type) => section(type, samples[type])),
  );
}

const introduction = `Muster sends its events on an EventBridge bus of its own, \`muster-<stage>\` (the stack's output \`BusName\`). The source
is \`muster\`. Put a rule on the bus to listen:

\`\`\`json
{ "source": ["muster"], "detail-type": ["Instance Discovered-Only"] }
\`\`\`

Three things to know before you write a consumer:

- **At least once.** EventBridge may deliver an event twice. \`detail.meta.id\` is the same each time; EventBridge's own \`id\` is not.
- **Order.** Muster sends the changes of one record in their order. EventBridge does not promise to keep that order. If the order
  matters to you, compare \`detail.data.sequence\`, and disregard what is \`late\`. Do not compare stamps: they are whole seconds, and may be corrected later.
- **Ignore event types and members that you do not know.** Muster adds detail types and members without a new \`version\`. If Muster
  removes a member or changes its meaning, the \`version\` changes.

You can read the events of an instance or a server again for 400 days: \`GET /v1/instances/{account}/{region}/{id}/history\`
and \`GET /v1/servers/{id}/history\` ([docs/api.md](api.md)).`;

const metaTable = table(
  ['Member', 'Type', 'Means'],
  [
    [
      code('id'),
      'text',
      'The event’s id. It is computed from the change, so each delivery of the same change has the same id.',
    ],
    [code('version'), code('1'), 'The version of this format.'],
    [code('time'), 'time, RFC 3339', 'When the record changed, as the table’s stream says.'],
    [code('stage'), 'text', 'The stage of the Muster that sent the event.'],
  ],
);

function section(type: DetailType, sample: unknown): string[] {
  const { meaning, fields } = eventCatalogue[type];
  const rows = Object.entries(fields).map(([name, field]) => [
    code(name),
    typeOf(field.schema as Schema),
    field.meaning,
  ]);
  return [
    `## ${type}`,
    meaning,
    table([`In ${code('data')}`, 'Type', 'Means'], rows),
    `As a consumer receives it ([${sampleFile(type)}](../${sampleFile(type)})):`,
    json(sample),
    `<details><summary>JSON Schema of ${code('detail')}</summary>`,
    json(detailSchema(type)),
    '</details>',
  ];
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');
