import * as z from 'zod/mini';

/** The answers by name: components.schemas of the OpenAPI document. */
export const answers = z.registry<{ id: string }>();

/** Declares an answer of the API. Its view function returns `Shown<typeof Answer>`, so the two cannot differ. */
export function answer<T extends z.ZodMiniType>(id: string, schema: T): T {
  answers.add(schema, { id });
  return schema;
}

/** The value that a schema describes, as a view returns it: nobody changes it any more. */
export type Shown<T extends z.ZodMiniType> = Frozen<z.output<T>>;
type Frozen<V> = V extends object ? { readonly [Member in keyof V]: Frozen<V[Member]> } : V;

export const text = z.string();
/** RFC 3339, UTC. */
export const time = z.string().register(z.globalRegistry, { format: 'date-time' });

/** One page of a list; `nextPageToken` is null at the end. */
export const pageOf = <T extends z.ZodMiniType>(item: T) =>
  z.object({ items: z.array(item), nextPageToken: z.nullable(text) });

/** What may be done now, by name; `code` is the problem that refuses the rest. */
export const actions = z.record(text, z.object({ allowed: z.boolean(), code: z.optional(text) }));
