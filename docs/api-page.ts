import { mayBeRetried, Problem, type ProblemCode, problems } from '#shared/domain/problems.ts';
import { problemAnswer, statusOf } from '#shared/http/problem.ts';
import { code, json, madeFrom, page, table } from './markdown.ts';
import { answerTable, linkTo, requestTable, type Schema, typeOf } from './schema-table.ts';

interface Content {
  content: Record<string, { schema: Schema }>;
}

interface Operation {
  summary: string;
  'x-muster-group': string;
  security?: readonly Record<string, unknown>[];
  parameters?: readonly { name: string; in: string; schema: Schema }[];
  requestBody?: Content & { required: boolean };
  responses: Record<string, Content>;
}

/** The part of an OpenAPI document that the page is made of. */
export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** docs/api.md. */
export function apiPage({ paths, components }: ApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
  return page(
    madeFrom('shared/http/routes/, shared/http/problem.ts and shared/domain/problems.ts'),
    '# The API',
    introduction,
    table(
      ['Request', 'Does'],
      operations.map(({ name, operation }) => [code(name), operation.summary]),
    ),
    '## Requests',
    ...operations.flatMap(({ name, operation }) => operationParts(name, operation)),
    '## Answers',
    ...Object.entries(components.schemas).flatMap(([name, schema]) => [`### ${name}`, answerTable(schema)]),
    '## Problems',
    problemsIntroduction,
    json(JSON.parse(problemAnswer(example).body)),
    problemTable,
  );
}

const introduction = `The base URL is the stack's output \`HttpApiUrl\`; under \`npm start\` and \`npm run stack\` it is the address that is printed.
The API describes itself at \`GET /v1/openapi.json\` (OpenAPI 3.1).

**Who may ask.** People sign with AWS Signature Version 4 for the service \`execute-api\`; IAM decides who may
(\`execute-api:Invoke\`): [docs/deploy.md](deploy.md#who-operates) has the policies. \`npx muster api GET /v1/instances\` signs for
you. Agents prove who they are with their own key: [docs/identity.md](identity.md). Under \`npm start\` people need not sign; it
answers on this machine alone.

**Pages.** A list is \`{ "items": […], "nextPageToken": … }\`. \`pageSize\` is a maximum. Give \`nextPageToken\` as \`pageToken\` for the
next page; it means nothing else. \`null\` is the end. A page may be empty and not be the last.

**Times** are RFC 3339 in UTC, or \`null\`. Where EC2 stamps whole seconds, so does Muster.

**Actions.** Instances and servers list under \`actions\` what may be done to them now, and for all else the \`code\` of the refusal.`;

const problemsIntroduction = `Every refusal is \`application/problem+json\` (RFC 9457). Programs should read \`code\`, which is stable. Each code has one \`title\`
and one \`todo\`, the next step. \`detail\` and all further members describe this one refusal. \`retryAfterSeconds\` comes with a
\`Retry-After\` header. \`reference\` is in the log line that holds the true reason.

After a code with **Retry: yes** the same request, signed anew, may succeed later without any other change. An agent retries these
and no other.

An agent without a valid grant learns little about the decision. It gets \`clock_skew\`, \`stale_document\`, \`retry\` or \`refused\`
([docs/identity.md](identity.md)).`;

const example = new Problem('server_busy', 'the server’s state does not allow it now', {
  serverId: 'srv_4c359a2e8527bffcbeec9d1f3953d126',
});

/** Refusals of the command line, which have no status. */
const ofTheCommandLine: readonly ProblemCode[] = ['usage', 'bad_line'];

const problemTable = table(
  ['Code', 'Status', 'Retry', 'Means', 'What to do'],
  (Object.keys(problems) as ProblemCode[])
    .sort()
    .map((name) => [
      code(name),
      ofTheCommandLine.includes(name) ? '–' : String(statusOf(name)),
      mayBeRetried(name) ? 'yes' : '',
      problems[name].title,
      problems[name].todo,
    ]),
);

function operationParts(name: string, operation: Operation): string[] {
  const { summary, parameters = [], requestBody, responses } = operation;
  const query = parameters.filter((parameter) => parameter.in === 'query');
  return [
    `### ${code(name)}`,
    `${summary}. ${authorization(operation)}`,
    ...(query.length > 0 ? [`Query: ${query.map((it) => `${code(it.name)} (${typeOf(it.schema)})`).join(', ')}.`] : []),
    ...(requestBody ? bodyParts(requestBody) : []),
    `Answers ${answerOf(responses)}. Can refuse with ${codesOf(responses).map(code).join(', ')}.`,
  ];
}

function authorization({ security = [], 'x-muster-group': group }: Operation): string {
  if (security.some((scheme) => 'agent' in scheme)) return 'The agent’s own key signs the token that it carries.';
  return security.length === 0 ? 'The body is its own proof.' : `For the group *${group}*, signed with IAM.`;
}

function bodyParts({ content, required }: NonNullable<Operation['requestBody']>): string[] {
  return Object.entries(content).flatMap(([mediaType, { schema }]) =>
    schema.properties
      ? [`Body, ${code(mediaType)}${required ? '' : ', which may be left out'}:`, requestTable(schema)]
      : [`Body, ${code(mediaType)}: a compact JWS. [docs/identity.md](identity.md) says what is in it.`],
  );
}

const answerOf = (responses: Operation['responses']): string =>
  Object.entries(responses)
    .filter(([, { content }]) => 'application/json' in content)
    .map(([status, { content }]) => {
      const { $ref } = content['application/json']?.schema ?? {};
      return $ref ? `${status} with ${linkTo($ref)}` : status;
    })
    .join(' or ');

/** The codes that an operation can refuse with, sorted. */
const codesOf = (responses: Operation['responses']): string[] =>
  Object.values(responses)
    .flatMap(({ content }) => content['application/problem+json']?.schema.allOf?.[1]?.properties?.code?.enum ?? [])
    .sort();
