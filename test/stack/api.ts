import { expect, it } from 'vitest';
import { nameOf } from './cloudformation.ts';
import type { PackagedStack } from './packaged-stack.ts';

/** Every route with who may call it, the function behind it and its throttle in requests per second. */
const routes = [
  { route: 'POST /v1/enroll', authorization: 'NONE', behind: 'Enroll', rate: 50, burst: 100 },
  { route: 'POST /v1/checkin', authorization: 'NONE', behind: 'Checkin', rate: 300, burst: 600 },
  { route: 'GET /v1/{proxy+}', authorization: 'AWS_IAM', behind: 'OperatorApi', rate: 50, burst: 100 },
  { route: 'POST /v1/{proxy+}', authorization: 'AWS_IAM', behind: 'OperatorChange', rate: 50, burst: 100 },
  { route: 'DELETE /v1/{proxy+}', authorization: 'AWS_IAM', behind: 'OperatorChange', rate: 50, burst: 100 },
  { route: 'POST /v1/servers/{id}/terminate', authorization: 'AWS_IAM', behind: 'OperatorEc2', rate: 50, burst: 100 },
];

export function api(stack: () => PackagedStack): void {
  const routesOf = () => Object.values(stack().resources).filter(({ Type }) => Type === 'AWS::ApiGatewayV2::Route');
  const stage = () => stack().resources.HttpApiStage!;

  it('has these routes and no others', () => {
    expect(
      routesOf()
        .map(({ Properties }) => Properties.RouteKey)
        .sort(),
    ).toEqual(routes.map(({ route }) => route).sort());
  });

  it.each(routes)('$route asks for $authorization and goes to $behind', ({ route, authorization, behind }) => {
    const { AuthorizationType, Target } = routesOf().find(
      ({ Properties }) => Properties.RouteKey === route,
    )!.Properties;
    expect(AuthorizationType ?? 'NONE').toBe(authorization);
    const integration = nameOf(Target['Fn::Join'][1][1]);
    expect(nameOf(stack().resources[integration]!.Properties.IntegrationUri)).toBe(`${behind}LambdaFunction`);
  });

  it.each(routes)('$route is throttled at $rate requests a second', ({ route, rate, burst }) => {
    const { RouteSettings, DefaultRouteSettings } = stage().Properties;
    expect(RouteSettings[route] ?? DefaultRouteSettings).toMatchObject({
      ThrottlingRateLimit: rate,
      ThrottlingBurstLimit: burst,
    });
  });

  it('names a route’s settings only after the route', () => {
    expect(stage().DependsOn).toEqual(
      expect.arrayContaining(['HttpApiRoutePostV1Enroll', 'HttpApiRoutePostV1Checkin']),
    );
  });

  it('logs every request without its headers, query or body, for as long as the stage says', () => {
    const { DestinationArn, Format } = stage().Properties.AccessLogSettings;
    expect(nameOf(DestinationArn)).toBe('HttpApiLogGroup');
    expect(stack().resources.HttpApiLogGroup?.Properties.RetentionInDays).toBe(90);
    expect(Object.keys(JSON.parse(Format))).toContain('requestId');
    // Free text has quotes, which would make the line no JSON
    expect(Format).not.toMatch(/header|error\.message|querystring|authorizer|\$context\.path/i);
  });

  it('answers no other origin', () => {
    expect(stack().resources.HttpApi?.Properties).not.toHaveProperty('CorsConfiguration');
  });

  it('is its own audience', () => {
    const { AUDIENCES } = stack().resources.EnrollLambdaFunction!.Properties.Environment.Variables;
    expect(nameOf(AUDIENCES)).toBe('https://<HttpApi>.execute-api.<AWS::Region>.<AWS::URLSuffix>');
  });
}
