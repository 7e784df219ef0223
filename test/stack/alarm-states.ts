import { type Node, nameOf } from './cloudformation.ts';

/** The samples of a metric that come in a minute of the test. */
export type Samples = (minute: number) => readonly number[];
/** By `<metric> of <what>`, where what is the value of its first dimension. One that is missing has no samples. */
export type Metrics = Readonly<Record<string, Samples>>;

export const always =
  (...samples: number[]): Samples =>
  () =>
    samples;
/** In each `period`th minute. */
export const every =
  (period: number, ...samples: number[]): Samples =>
  (minute) =>
    minute % period === 0 ? samples : [];
/** From the first of these minutes on, and no more from the second on; with `otherwise` in the other minutes. */
export const during =
  ([from, to]: readonly [number, number], samples: readonly number[], otherwise: readonly number[] = []): Samples =>
  (minute) =>
    minute >= from && minute < to ? samples : otherwise;

/**
 * Whether the alarm rings within so many minutes, by CloudWatch's rules (AmazonCloudWatch/latest/monitoring/alarm-evaluation.html): of the
 * last `EvaluationPeriods` data points, `DatapointsToAlarm` are beyond the threshold, and missing data counts as the alarm says.
 */
export function rings(alarm: Node, metrics: Metrics, minutes = 60): boolean {
  const { EvaluationPeriods: of, DatapointsToAlarm: needed = of } = alarm;
  const period = periodOf(alarm) / 60;
  const count = Math.floor(minutes / period);
  const breaches = Array.from({ length: count }, (_, nth) => isBreach(alarm, pointOf(alarm, metrics, nth, period)));
  return breaches.some((_, last) => {
    const window = breaches.slice(Math.max(0, last + 1 - of), last + 1);
    return window.length === of && window.filter(Boolean).length >= needed;
  });
}

function periodOf({ Period, Metrics }: Node): number {
  const periods = new Set<number>(
    Metrics ? Metrics.flatMap(({ MetricStat }: Node) => (MetricStat ? [MetricStat.Period] : [])) : [Period],
  );
  const [only, ...others] = periods;
  if (only === undefined || others.length > 0) throw new Error('the metrics of the alarm have several periods');
  return only;
}

/** One data point; undefined where there is none. */
function pointOf(alarm: Node, metrics: Metrics, nth: number, period: number): number | undefined {
  const statisticOf = (name: string, statistic: string) => {
    const minutes = Array.from({ length: period }, (_, minute) => nth * period + minute);
    const samples = minutes.flatMap((minute) => metrics[name]?.(minute) ?? []);
    return samples.length === 0 ? undefined : statistics[statistic]?.(samples);
  };
  if (!alarm.Metrics) return statisticOf(metricName(alarm), alarm.Statistic);
  const asked = alarm.Metrics.flatMap(({ Id, MetricStat }: Node) =>
    MetricStat ? [[Id, statisticOf(metricName(MetricStat.Metric), MetricStat.Stat)]] : [],
  );
  const [{ Expression }] = alarm.Metrics.filter((metric: Node) => metric.Expression);
  return evaluated(Expression, Object.fromEntries(asked));
}

const metricName = ({ MetricName, Dimensions }: Node): string => `${MetricName} of ${nameOf(Dimensions[0].Value)}`;

const statistics: Readonly<Record<string, (samples: readonly number[]) => number>> = {
  Sum: (samples) => samples.reduce((sum, sample) => sum + sample, 0),
  Maximum: (samples) => Math.max(...samples),
  Minimum: (samples) => Math.min(...samples),
};

/** A metric math expression (AmazonCloudWatch/latest/monitoring/using-metric-math.html) over values of which some are missing. */
function evaluated(expression: string, values: Readonly<Record<string, number | undefined>>): number | undefined {
  const known = Object.values(values).filter((value) => value !== undefined);
  const functions = {
    IF: (condition: boolean, yes: number, no: number) => (condition ? yes : no),
    FILL: (value: number | undefined, other: number) => value ?? other,
    METRICS: () => known,
    SUM: (all: number[]) => (all.length === 0 ? Number.NaN : all.reduce((sum, one) => sum + one, 0)),
  };
  const scope = { ...functions, ...values };
  const result = Number(new Function(...Object.keys(scope), `return ${expression}`)(...Object.values(scope)));
  return Number.isFinite(result) ? result : undefined;
}

function isBreach({ Threshold, ComparisonOperator, TreatMissingData }: Node, value: number | undefined): boolean {
  if (value === undefined) return TreatMissingData === 'breaching';
  if (ComparisonOperator === 'GreaterThanThreshold') return value > Threshold;
  if (ComparisonOperator === 'LessThanThreshold') return value < Threshold;
  throw new Error(`a comparison that this reader does not know: ${ComparisonOperator}`);
}
