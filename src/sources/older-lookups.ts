/**
 * Finds pending lookups of the deployments that are older than the ones in memory. Reads the store in slices, so that
 * webhooks and scrapes do not wait for long.
 */

import type { Deployment } from '../core/deployment.ts';
import { beforeAll, createLookupFinder, type Lookup } from '../core/lead-time-lookups.ts';
import type { Timeline } from '../core/series/timeline.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { rulesOf } from '../ingest/ingest-options.ts';

export interface Series {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
}

const sliceRows = 1000;

/** Returns at most `most` lookups, the newest first. Rejects with `StoreUnavailable`. */
export async function findOlderLookups(
  ingest: Pick<Ingest, 'mode' | 'read'>,
  { repo, tier }: Series,
  { base, baseEnd }: Pick<Timeline, 'base' | 'baseEnd'>,
  most: number,
): Promise<readonly Lookup[]> {
  const finder = createLookupFinder(beforeAll(rulesOf(ingest.mode, tier)), base.ground, tier);
  let found: Lookup[] = [];
  let after: Deployment | null = null;
  for (;;) {
    const slice = await readSlice(ingest, { repo, tier }, after);
    for (const deployment of slice) {
      if (deployment.at > baseEnd) return newest(found, most);
      const lookup = finder.next(deployment);
      if (lookup) found.push(lookup);
    }
    if (found.length > 2 * most) found = found.slice(-most);
    after = slice.at(-1) ?? null;
    if (after === null) return newest(found, most);
  }
}

function newest(lookups: readonly Lookup[], most: number): readonly Lookup[] {
  return lookups.slice(-most).reverse();
}

/** The next slice of deployments after `after`, in order; empty: there are no more. */
function readSlice(
  ingest: Pick<Ingest, 'read'>,
  { repo, tier }: Series,
  after: Deployment | null,
): Promise<readonly Deployment[]> {
  return ingest.read(async ({ pipelines }) => {
    // Some deployments of the same second are in the last slice.
    const only = { repo, tier, ...(after && { after: after.at - 1 }) };
    for await (const slice of pipelines.deployments({ only, sliceRows, withoutCommits: true })) {
      const rest = slice
        .map(({ deployment }) => deployment)
        .filter(({ at, number }) => after === null || at > after.at || number > after.number);
      if (rest.length > 0) return rest;
    }
    return [];
  });
}
