/** Finds which of the repos that share a name owned its incidents at a moment: the one that had deployed last by then. */

import { countBefore } from '../core/count-before.ts';
import { knownAt } from '../core/deployment.ts';
import { nameKey, type Repo } from '../core/repo.ts';
import { lastDeployedOf } from '../core/series/last-deployed.ts';
import type { State } from '../core/series/state.ts';
import type { Reading } from '../ingest/ingest.ts';
import { readSeries } from '../ingest/read-deployments.ts';

/** Key of the owner at a moment, in Unix seconds. */
export type PastOwner = (at: number) => number | null;

/** Reads the deployments of all sharers. `null`: no other repo has the name of `repo`, or the name has no incidents. */
export async function createPastOwner(
  state: State,
  { repo, tier }: { readonly repo: number; readonly tier: string },
  pipelines: Reading['pipelines'],
): Promise<PastOwner | null> {
  const name = state.repos.get(repo)?.fullName;
  if (name === undefined || !state.incidents.hasNamed(nameKey(name), tier)) return null;
  const sharers = state.reposByName(name);
  if (sharers.length === 1) return null;
  const finishes = new Map<Repo, readonly Finish[]>();
  for (const sharer of sharers) finishes.set(sharer, await readFinishes(state, sharer.key, tier, pipelines));
  const lastAt = (sharer: Repo, moment: number): number => {
    const known = finishes.get(sharer) ?? [];
    return known[countBefore(known, (one) => one.known > moment) - 1]?.last ?? 0;
  };
  return (moment) => lastDeployedOf(sharers, (sharer) => lastAt(sharer, moment))?.key ?? null;
}

/** All times are Unix seconds. */
interface Finish {
  /** When a deployment became known. */
  readonly known: number;
  /** Latest finish of the deployments that were known by then. */
  readonly last: number;
}

async function readFinishes(
  state: State,
  repo: number,
  tier: string,
  pipelines: Reading['pipelines'],
): Promise<readonly Finish[]> {
  const found: Finish[] = [];
  const selection = { only: { repo, tier }, withFirstSeen: false };
  for await (const slice of readSeries(pipelines, state.markOf, selection)) {
    for (const deployment of slice) found.push({ known: knownAt(deployment), last: deployment.at });
  }
  let latest = 0;
  return found
    .sort((a, b) => a.known - b.known)
    .map(({ known, last }) => {
      latest = Math.max(latest, last);
      return { known, last: latest };
    });
}
