/** Repos with an id of Woodpecker, so that they can be requested. */

import { isWatched } from '../core/classification.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';

export type RepoWithId = Repo & { readonly woodpeckerId: number };

/** The repo's current state. `key`: the exporter's own. Throws if the repo or its id is unknown. */
export function repoWithId(state: State, key: number): RepoWithId {
  const repo = state.repos.get(key);
  if (!repo || !hasId(repo)) throw new Error(`Repo ${key} has no known id of Woodpecker`);
  return repo;
}

/** The repos that the policy watches and that are not known to be gone. */
export function watchedRepos(ingest: Pick<Ingest, 'state' | 'mode'>): RepoWithId[] {
  return [...ingest.state.repos.values()].filter((repo) => isWatchedRepo(ingest, repo));
}

/** As `watchedRepos`, but yields to the event loop, for many repos. */
export async function* eachWatchedRepo(ingest: Pick<Ingest, 'state' | 'mode'>): AsyncGenerator<RepoWithId> {
  const yieldToEventLoop = createEventLoopYield();
  for (const repo of ingest.state.repos.values()) {
    await yieldToEventLoop();
    if (isWatchedRepo(ingest, repo)) yield repo;
  }
}

export function isWatchedRepo({ mode }: Pick<Ingest, 'mode'>, repo: Repo): repo is RepoWithId {
  return hasId(repo) && !repo.isGone && isWatched(mode.policy, repo.fullName);
}

function hasId(repo: Repo): repo is RepoWithId {
  return repo.woodpeckerId !== null;
}
