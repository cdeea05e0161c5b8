/** Which sources of news exist. */

import { expect, it } from 'vitest';
import { sourcesIn } from '../../src/sources/event-labels.ts';

it.each([
  ['without a Woodpecker to ask', false, true, ['webhook', 'incident']],
  ['with one', true, true, ['webhook', 'stream', 'backfill', 'reconcile', 'follow', 'incident']],
  ['with one, without its stream', true, false, ['webhook', 'backfill', 'reconcile', 'follow', 'incident']],
] as const)('sources %s are those that bring something', (_, hasWoodpecker, hasStream, sources) => {
  expect(sourcesIn({ hasWoodpecker, hasStream })).toEqual(sources);
});
