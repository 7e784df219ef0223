type Schema = Readonly<Record<string, unknown>>;
const refPrefix = '#/components/schemas/';

/** Where a value is not as its schema says, by path; as far as the OpenAPI document's answers use JSON Schema. */
export function violations(
  value: unknown,
  schema: Schema,
  named: Readonly<Record<string, Schema>>,
  path = '$',
): string[] {
  if (typeof schema.$ref === 'string') {
    const target = named[schema.$ref.slice(refPrefix.length)];
    return target ? violations(value, target, named, path) : [`${path}: ${schema.$ref} is not there`];
  }
  if (Array.isArray(schema.anyOf)) {
    const fits = schema.anyOf.some((one: Schema) => violations(value, one, named, path).length === 0);
    return fits ? [] : [`${path}: fits none of its forms`];
  }
  if (Array.isArray(schema.enum))
    return schema.enum.includes(value) ? [] : [`${path}: ${String(value)} is no such word`];
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [`${path}: is no list`];
    return value.flatMap((item, nth) => violations(item, schema.items as Schema, named, `${path}[${nth}]`));
  }
  if (schema.type === 'object') return objectViolations(value, schema, named, path);
  return typeMatches(value, schema) ? [] : [`${path}: is no ${String(schema.format ?? schema.type)}`];
}

function objectViolations(
  value: unknown,
  schema: Schema,
  named: Readonly<Record<string, Schema>>,
  path: string,
): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: is no object`];
  const properties = (schema.properties ?? {}) as Record<string, Schema>;
  const others = schema.additionalProperties as Schema | true | undefined;
  const missing = ((schema.required ?? []) as string[]).filter((name) => !Object.hasOwn(value, name));
  const told = Object.entries(value).flatMap(([name, member]) => {
    const of = properties[name] ?? others;
    if (of === true) return [];
    if (of) return violations(member, of, named, `${path}.${name}`);
    return schema.properties ? [`${path}.${name}: is not documented`] : [];
  });
  return [...missing.map((name) => `${path}.${name}: is missing`), ...told];
}

function typeMatches(value: unknown, { type, format }: Schema): boolean {
  if (type === 'null') return value === null;
  if (type === 'integer') return Number.isInteger(value);
  if (format === 'date-time')
    return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(value);
  return typeof value === type;
}
