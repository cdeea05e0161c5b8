/** Repos that can be requested from Woodpecker: their ids are known. */

import { isWatched } from '../core/classification.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';

export type AskableRepo = Repo & { readonly woodpeckerId: number };

/** The repo's current state. Throws if its id is unknown. */
export function askableRepo(state: State, key: number): AskableRepo {
  const repo = state.repos.get(key);
  if (!repo || !isAskable(repo)) throw new Error(`Repo ${key} is not known to Woodpecker`);
  return repo;
}

/** The repos that the policy watches and Woodpecker still has, as far as is known. */
export function watchedRepos(ingest: Pick<Ingest, 'state' | 'mode'>): AskableRepo[] {
  return [...ingest.state.repos.values()].filter((repo) => isWatchedRepo(ingest, repo));
}

/** The same for long lists of repos; yields to the event loop. */
export async function* eachWatchedRepo(ingest: Pick<Ingest, 'state' | 'mode'>): AsyncGenerator<AskableRepo> {
  const yieldToEventLoop = createEventLoopYield();
  for (const repo of ingest.state.repos.values()) {
    await yieldToEventLoop();
    if (isWatchedRepo(ingest, repo)) yield repo;
  }
}

export function isWatchedRepo({ mode }: Pick<Ingest, 'mode'>, repo: Repo): repo is AskableRepo {
  return isAskable(repo) && !repo.isGone && isWatched(mode.policy, repo.fullName);
}

function isAskable(repo: Repo): repo is AskableRepo {
  return repo.woodpeckerId !== null;
}
