import type { Binding } from './enrollment/binding.ts';
import type { EnrollmentKey } from './enrollment/enrollment-key.ts';
import type { Instance } from './instance/instance.ts';
import type { Launch } from './launch/launch.ts';
import type { Server } from './server/server.ts';

interface Change<K extends string, R> {
  kind: K;
  /** The record that the plan was made from. Undefined where there was none. */
  before: R | undefined;
  after: R;
}

/** One record's change in a plan. The use case commits all changes of a plan in one transaction, or none. */
export type PlannedChange =
  | Change<'instance', Instance>
  | Change<'server', Server>
  | Change<'launch', Launch>
  | Change<'key', EnrollmentKey>
  | Change<'binding', Binding>;
