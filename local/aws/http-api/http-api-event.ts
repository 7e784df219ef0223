import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/** One request as the HTTP API gets it. */
export interface HttpApiRequest {
  method: string;
  path: string;
  query?: URLSearchParams;
  /** By lower-case name. */
  headers: Record<string, string>;
  body: Buffer;
  requestId: string;
  now: Date;
}

/**
 * The event that API Gateway makes of a request: payload format 2.0
 * (apigateway/latest/developerguide/http-api-develop-integrations-lambda.html). A body of a type that is not text is base64.
 */
export function httpApiEvent(request: HttpApiRequest): APIGatewayProxyEventV2 {
  const { method, path, query = new URLSearchParams(), headers, body, requestId, now } = request;
  const isText = /^(?:text\/|application\/(?:json|xml|javascript))/.test(headers['content-type'] ?? '');
  const routeKey = `${method} ${path}`;
  const userAgent = headers['user-agent'] ?? '';
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: query.toString(),
    headers,
    ...(query.size > 0 && { queryStringParameters: Object.fromEntries(query) }),
    requestContext: {
      accountId: 'local',
      apiId: 'local',
      domainName: headers.host ?? '',
      domainPrefix: '',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent },
      requestId,
      routeKey,
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: !isText && body.length > 0,
  };
}
