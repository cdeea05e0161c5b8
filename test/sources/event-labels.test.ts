/** Which event sources exist. */

import { expect, it } from 'vitest';
import { sourcesIn } from '../../src/sources/event-labels.ts';

it.each([
  ['without access to Woodpecker', false, true, ['webhook', 'incident']],
  [
    'with access to Woodpecker',
    true,
    true,
    ['webhook', 'stream', 'backfill', 'reconcile', 'follow', 'incident'],
  ],
  [
    'with access to Woodpecker but without its stream',
    true,
    false,
    ['webhook', 'backfill', 'reconcile', 'follow', 'incident'],
  ],
] as const)(
  '%s, the event labels are the sources that can report events',
  (_, hasWoodpecker, hasStream, sources) => {
    expect(sourcesIn({ hasWoodpecker, hasStream })).toEqual(sources);
  },
);
