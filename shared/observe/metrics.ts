/** Every metric that Muster emits, by CloudWatch name. All are counts. */
export type MetricName =
  | 'NotificationIgnored'
  | 'EnrollmentAccepted'
  | 'EnrollmentRefused'
  | 'IdentityKeyEnding'
  | 'IdentityConflict'
  | 'CheckinBegunAnew'
  | 'RequestFailed'
  | 'DueFailed'
  | 'SweepRepaired'
  | 'AgentExpected'
  | 'AgentSilent'
  | 'EventsNotArriving'
  | 'MassRemovalWithheld'
  | 'InstanceUnreadable'
  | 'TerminatedUndone'
  | 'TerminationInferredWrongly'
  | 'LaunchFailed';

/**
 * Counts in CloudWatch's embedded metric format: a line of the log, and no call
 * (AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html). The stage is the one
 * dimension: every set of dimensions is a metric that is paid for.
 */
export function count(name: MetricName, stage: string, value = 1, now = Date.now()): void {
  const metric = { Namespace: 'Muster', Dimensions: [['stage']], Metrics: [{ Name: name, Unit: 'Count' }] };
  process.stdout.write(
    `${JSON.stringify({ _aws: { Timestamp: now, CloudWatchMetrics: [metric] }, stage, [name]: value })}\n`,
  );
}
