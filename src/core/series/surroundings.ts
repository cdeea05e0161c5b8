/** Facts beside the deployments of a repo and tier that decide which of them have failed. */

import type { Incident } from '../incident.ts';
import type { Follow } from '../poll-schedule.ts';
import type { BookEntry } from './incident-book.ts';
import type { Surroundings } from './judged.ts';

/** `follows`: follows of all repos, searched only if there are incidents. `targets`: the repo's. `now`: Unix seconds. */
export function surroundingsOf(
  entries: readonly BookEntry[],
  follows: Iterable<Follow>,
  targets: readonly Follow['target'][],
  now: number,
): Surroundings {
  const incidents = entries.flatMap((entry): readonly Incident[] => entry.incidents);
  if (incidents.length === 0) return { incidents, runningSince: Number.POSITIVE_INFINITY, now };
  let runningSince = Number.POSITIVE_INFINITY;
  for (const { target, createdAt } of follows) {
    if (targets.includes(target)) runningSince = Math.min(runningSince, createdAt);
  }
  return { incidents, runningSince, now };
}
