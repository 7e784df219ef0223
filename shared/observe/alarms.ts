import type { Fields } from './log.ts';
import { log } from './log.ts';
import { count, type MetricName } from './metrics.ts';

const metricOf: Record<string, MetricName> = {
  mass_removal_withheld: 'MassRemovalWithheld',
  events_not_arriving: 'EventsNotArriving',
  instance_unreadable: 'InstanceUnreadable',
  terminated_undone: 'TerminatedUndone',
  termination_inferred_wrongly: 'TerminationInferredWrongly',
};

/** Says aloud what an operator has to know of: a line and a metric that infra/alarms.yml watches. */
export const alarmOn =
  (stage: string) =>
  (what: string, subject: object): void => {
    log.warn(what, subject as Fields);
    const metric = metricOf[what];
    if (metric) count(metric, stage);
  };
