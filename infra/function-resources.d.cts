interface Made {
  functions: Record<string, { handler: string; events: Record<string, unknown>[] }>;
  template: { Resources: Record<string, { Type: string; Properties: Record<string, unknown> }> };
}

interface Throttles {
  Properties: { AlarmName: string; Metrics: { Id: string }[] };
}

/** What serverless.yml loads, with serverless's own way to read a variable. */
declare function make(serverless: { resolveVariable(name: string): Promise<string> }): Promise<Made>;
declare namespace make {
  function throttlesAlarms(functions: readonly { name: string }[], stage: string): Record<string, Throttles>;
}
export = make;
