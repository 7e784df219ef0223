import { readFileSync } from 'node:fs';
import { openApiDocument } from '#shared/http/openapi.ts';
import { allRoutes } from '#shared/http/routes/index.ts';
import { type ApiDocument, apiPage } from './api-page.ts';
import { attacksPage } from './attacks-page.ts';
import { designParts, fillParts } from './design-page.ts';
import { detailTypes, eventsPage, sampleFile } from './events-page.ts';

const repository = new URL('../', import.meta.url);

/** The generated pages as they should be, by their path in the repository. */
export function generatedPages(): Record<string, string> {
  const samples = detailTypes.map((type) => [type, JSON.parse(readText(sampleFile(type)))]);
  return {
    'docs/api.md': apiPage(openApiDocument(allRoutes) as unknown as ApiDocument),
    'docs/attacks.md': attacksPage(),
    'docs/events.md': eventsPage(Object.fromEntries(samples)),
    ...designPages(),
  };
}

/** The pages of docs/design/ that have generated parts; the rest of each is written by hand. */
const designPages = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(designParts(readText('shared/domain/timing.ts'))).map(([path, parts]) => [
      path,
      fillParts(readText(path), parts),
    ]),
  );

const readText = (path: string): string => readFileSync(new URL(path, repository), 'utf8');
