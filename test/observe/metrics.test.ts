import { expect, it, vi } from 'vitest';
import { count } from '#shared/observe/metrics.ts';

// AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html: CloudWatch drops what is not of this form
it('a count is one line that CloudWatch reads as a metric: its time in milliseconds, the stage its one dimension', () => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const before = Date.now();
  count('DueFailed', 'prod');
  count('AgentSilent', 'prod', 7, 1_793_613_600_123);
  const [one, seven] = written.mock.calls.map(([line]) => String(line));
  written.mockRestore();
  for (const line of [one, seven]) expect(line).toMatch(/^[^\n]+\n$/);
  const metric = (Name: string) => ({
    ...{ Namespace: 'Muster', Dimensions: [['stage']], Metrics: [{ Name, Unit: 'Count' }] },
  });
  expect(JSON.parse(seven!)).toEqual({
    _aws: { Timestamp: 1_793_613_600_123, CloudWatchMetrics: [metric('AgentSilent')] },
    ...{ stage: 'prod', AgentSilent: 7 },
  });
  const { _aws, ...told } = JSON.parse(one!);
  expect(told).toEqual({ stage: 'prod', DueFailed: 1 });
  expect(_aws.Timestamp).toBeGreaterThanOrEqual(before);
  expect(_aws.Timestamp).toBeLessThanOrEqual(Date.now());
});
