import { ReleasedRemoval, releaseRemoval } from '#shared/app/account/release-removal.ts';
import { defineRoute } from '../route.ts';
import { PairPath } from './parameters.ts';

export const accountRegionRoutes = [
  defineRoute({
    ...{ method: 'POST', path: '/v1/pairs/{account}/{region}/release-removal', operationId: 'releaseRemoval' },
    ...{ group: 'administrator', function: 'operatorChange' },
    summary: 'Let the next sweep end the instances that a mass removal withheld',
    ...{ pathParameters: PairPath, status: 200, answer: ReleasedRemoval, problems: ['not_found'] },
    run: ({ path: { account, region } }, _now, ports) => releaseRemoval(account, region, ports),
  }),
];
