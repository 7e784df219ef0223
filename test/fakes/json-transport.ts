interface Answer {
  status?: number;
  body: unknown;
}

/** Settings for the SDK's client of a service that speaks JSON: `answer` stands in the place of the network. Nothing is tried twice. */
export function jsonTransport(answer: (body: unknown, operation: string) => Answer | Promise<Answer>) {
  const handle = async ({ headers: asked, body: sent }: { headers: Record<string, string>; body: Uint8Array }) => {
    const { status = 200, body } = await answer(
      JSON.parse(new TextDecoder().decode(sent)),
      asked['x-amz-target']?.split('.').at(-1) ?? '',
    );
    const headers = { 'content-type': 'application/x-amz-json-1.1' };
    return { response: { statusCode: status, headers, body: Buffer.from(JSON.stringify(body)) } };
  };
  return {
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    // The SDK's type also asks for members that only its own handlers need
    requestHandler: { handle } as never,
  };
}
