/** Just enough CloudFormation to read a template as it would deploy, and to ask a policy who may do what. */

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of many shapes
export type Node = any;

/** The template with every `Condition` and `Fn::If` decided by its parameters' defaults or the given values. */
export function resolveConditions(template: Node, values: Record<string, string>): Node {
  const textOf = (node: Node): string =>
    typeof node === 'string'
      ? node
      : (values[node.Ref] ?? pseudoParameters[node.Ref] ?? template.Parameters[node.Ref].Default);
  const holds = (condition: Node): boolean => {
    if (condition.Condition) return named(condition.Condition);
    if (condition['Fn::And']) return condition['Fn::And'].every(holds);
    if (condition['Fn::Not']) return !holds(condition['Fn::Not'][0]);
    if (condition['Fn::Equals']) return textOf(condition['Fn::Equals'][0]) === textOf(condition['Fn::Equals'][1]);
    throw new Error(`a condition that this reader does not know: ${JSON.stringify(condition)}`);
  };
  const named = (name: string) => holds(template.Conditions[name]);
  const present = (node: Node) => node?.Ref !== 'AWS::NoValue';
  const decide = (node: Node): Node => {
    if (Array.isArray(node)) return node.map(decide).filter(present);
    if (typeof node !== 'object' || node === null) return node;
    if (node['Fn::If']) return decide(node['Fn::If'][named(node['Fn::If'][0]) ? 1 : 2]);
    const entries = Object.entries(node).map(([key, value]) => [key, decide(value)] as const);
    return Object.fromEntries(entries.filter(([, value]) => present(value)));
  };
  const kept = Object.entries(template.Resources as Record<string, Node>).filter(
    ([, { Condition }]) => Condition === undefined || named(Condition),
  );
  return { ...template, Resources: Object.fromEntries(kept.map(([id, resource]) => [id, decide(resource)])) };
}

/** A short name for a value: the logical id of what it refers to, a `Fn::Sub` with <names> for placeholders, or the text itself. */
export function nameOf(node: Node): string {
  if (typeof node === 'string') return node;
  if (node.Ref) return node.Ref;
  if (node['Fn::GetAtt']) return node['Fn::GetAtt'][1] === 'Arn' ? node['Fn::GetAtt'][0] : node['Fn::GetAtt'].join('.');
  if (node['Fn::Sub']) return node['Fn::Sub'].replace(/\$\{([^}]+)\}/g, '<$1>');
  if (node['Fn::Split']) return nameOf(node['Fn::Split'][1]);
  if (node['Fn::Join']?.[0] === '') return node['Fn::Join'][1].map(joined).join('');
  throw new Error(`a value that this reader does not know: ${JSON.stringify(node)}`);
}

const joined = (part: Node): string => (typeof part === 'string' ? part : `<${nameOf(part)}>`);

/** No ARN, name or URL that AWS gives to a part of this stack is longer; a stream's ARN comes near. */
const standIn = '?'.repeat(128);

/** The longest there are. */
const pseudoParameters: Record<string, string> = {
  'AWS::AccountId': '111122223333',
  'AWS::Region': 'ap-southeast-2',
  'AWS::Partition': 'aws-us-gov',
  'AWS::URLSuffix': 'amazonaws.com.cn',
};

/** A value as AWS would fill it in, to be measured: whatever only a deployment decides is as long as it may get. */
export function filledIn(node: Node, values: Record<string, string> = {}): Node {
  const named = (name: string) => values[name] ?? pseudoParameters[name] ?? standIn;
  if (Array.isArray(node)) return node.map((item) => filledIn(item, values));
  if (typeof node !== 'object' || node === null) return node;
  if (node.Ref) return named(node.Ref);
  if (node['Fn::GetAtt']) return standIn;
  if (node['Fn::Sub']) return node['Fn::Sub'].replace(/\$\{([^}]+)\}/g, (_: string, name: string) => named(name));
  if (node['Fn::Split']) return filledIn(node['Fn::Split'][1], values).split(node['Fn::Split'][0]);
  const unknown = Object.keys(node).find((key) => key.startsWith('Fn::'));
  if (unknown) throw new Error(`a function that this reader does not know: ${unknown}`);
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, filledIn(value, values)]));
}

export const listOf = (node: Node): Node[] => (Array.isArray(node) ? node : [node]);

/** What a request tells a policy about itself; a key that it lacks is undefined. */
export type RequestContext = Record<string, string | undefined>;

/** What is done to which resource, by its short name. */
export interface Access {
  action: string;
  resource: string;
}

/**
 * Whether a policy's statements deny everybody the action, by IAM's rules (IAM/latest/UserGuide/reference_policies_elements_condition_operators.html):
 * all operators and keys must hold; a negated operator holds for an absent key.
 */
export function denies(policy: Node, access: Access, context: RequestContext): boolean {
  return policy.Statement.some(
    (statement: Node) =>
      statement.Effect === 'Deny' &&
      statement.Principal === '*' &&
      isAbout(statement, access) &&
      conditionsHold(statement.Condition, context),
  );
}

/** Whether a statement allows a service, or everybody and so the service too, to do the action. */
export function allowsService(policy: Node, service: string, access: Access, context: RequestContext): boolean {
  return policy.Statement.some(
    (statement: Node) =>
      statement.Effect === 'Allow' &&
      (statement.Principal === '*' || listOf(statement.Principal.Service).includes(service)) &&
      isAbout(statement, access) &&
      conditionsHold(statement.Condition, context),
  );
}

function isAbout(statement: Node, { action, resource }: Access): boolean {
  const actions = [action, `${action.split(':')[0]}:*`, '*'];
  return (
    listOf(statement.Action).some((pattern) => actions.includes(pattern)) &&
    listOf(statement.Resource).some((one) => one === '*' || nameOf(one) === resource)
  );
}

function conditionsHold(condition: Node, context: RequestContext): boolean {
  return Object.entries((condition ?? {}) as Record<string, Record<string, Node>>).every(([operator, keys]) =>
    Object.entries(keys).every(([key, expected]) =>
      operatorHolds(operator, context[key], listOf(expected).map(nameOf)),
    ),
  );
}

function operatorHolds(operator: string, actual: string | undefined, expected: string[]): boolean {
  const matches = actual !== undefined && expected.includes(actual);
  switch (operator) {
    case 'ArnEquals':
    case 'ArnLike':
    case 'Bool':
      return matches;
    case 'ArnNotLike':
      return !matches;
    default:
      throw new Error(`an operator that this reader does not know: ${operator}`);
  }
}
