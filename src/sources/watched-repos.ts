/** Repos that Woodpecker can be asked for: those whose id it has told. */

import { isWatched } from '../core/classification.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';

export type AskableRepo = Repo & { readonly woodpeckerId: number };

/** The repo as it is known now. Throws where Woodpecker does not know it. */
export function askableRepo(state: State, key: number): AskableRepo {
  const repo = state.repos.get(key);
  if (!repo || !isAskable(repo)) throw new Error(`Repo ${key} is not known to Woodpecker`);
  return repo;
}

/** Those that the policy watches and Woodpecker still has, as far as is known. */
export function watchedRepos({ state, mode }: Pick<Ingest, 'state' | 'mode'>): AskableRepo[] {
  return [...state.repos.values()]
    .filter(isAskable)
    .filter((repo) => !repo.isGone && isWatched(mode.policy, repo.fullName));
}

function isAskable(repo: Repo): repo is AskableRepo {
  return repo.woodpeckerId !== null;
}
