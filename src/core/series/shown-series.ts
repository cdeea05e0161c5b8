/** Which series the state shows, and what each is made of. */

import type { Repo } from '../repo.ts';
import { type Pair, pairKey, seriesKey } from './pair.ts';
import type { State } from './state.ts';
import type { Timeline } from './timeline.ts';

/** Input of a sample: usually one pair, several if repos share a name. */
export interface Ingredients {
  readonly repo: Repo;
  readonly pairs: readonly Pair[];
  /** Timelines of the pairs; a pair may have none. */
  readonly timelines: readonly Timeline[];
  readonly knownSince: number | null;
}

type ShownSeries = ReadonlyMap<string, Ingredients>;

const shownByState = new WeakMap<State, { readonly version: number; readonly shown: ShownSeries }>();

/**
 * All series to show, by `seriesKey`, gathered once for each version of the state. A series that has not changed since
 * the last call is the same object.
 */
export function shownSeries(state: State): ShownSeries {
  const known = shownByState.get(state);
  if (known?.version === state.version) return known.shown;
  const shown = gatherAll(state, known?.shown ?? new Map());
  shownByState.set(state, { version: state.version, shown });
  return shown;
}

function gatherAll(state: State, before: ShownSeries): ShownSeries {
  const groups = new Map<string, Pair[]>();
  for (const pair of state.pairs.values()) {
    const repo = state.repos.get(pair.repo);
    if (!repo?.revealed) continue;
    const key = seriesKey(repo, pair.tier);
    const group = groups.get(key);
    if (group) group.push(pair);
    else groups.set(key, [pair]);
  }
  const shown = new Map<string, Ingredients>();
  for (const [key, pairs] of groups) {
    const known = before.get(key);
    const ingredients = known && isUnchanged(state, pairs, known) ? known : gather(state, pairs);
    if (ingredients) shown.set(key, ingredients);
  }
  return shown;
}

/** The series of a repo's name, in any case, and a tier; `null` if none is shown. */
export function findSeries(state: State, fullName: string, tier: string): Ingredients | null {
  const repos = state.reposByName(fullName).filter(({ revealed }) => revealed);
  const pairs = repos.flatMap((repo) => state.pairs.get(pairKey(repo.key, tier)) ?? []);
  return pairs.length > 0 ? gather(state, pairs) : null;
}

/** Ingredients of the series of these pairs; `null` if none of them may be shown. */
function gather(state: State, pairs: readonly Pair[]): Ingredients | null {
  const isShown = pairs.some((pair) => pair.isKnown && !state.repos.get(pair.repo)?.isGone);
  const repos = pairs.flatMap((pair) => state.repos.get(pair.repo) ?? []);
  if (!isShown || repos.length === 0) return null;
  const repo = repos.reduce((latest, other) => (other.namedAt > latest.namedAt ? other : latest));
  const timelines = pairs.flatMap((pair) => state.timelines.get(pairKey(pair.repo, pair.tier)) ?? []);
  return { repo, pairs, timelines, knownSince: knownSinceOf(state, pairs) };
}

/** If repos share a name, their series is known only from the latest `knownSince` on. */
function knownSinceOf(state: State, pairs: readonly Pair[]): number | null {
  let latest = Number.NEGATIVE_INFINITY;
  for (const { repo, tier } of pairs) {
    const since = state.repos.get(repo)?.knownSince ?? Number.POSITIVE_INFINITY;
    // The tiers of a pipeline are unknown until the service reads its workflows. It reads the newest pipelines first.
    latest = Math.max(latest, since, state.unread.get(pairKey(repo, tier)) ?? latest);
  }
  return Number.isFinite(latest) ? latest : null;
}

/** Only a series of one repo can be unchanged: others are gathered anew. */
function isUnchanged(state: State, pairs: readonly Pair[], { repo, ...before }: Ingredients): boolean {
  const [pair] = pairs;
  return (
    pair !== undefined &&
    pairs.length === 1 &&
    before.pairs.length === 1 &&
    before.pairs[0] === pair &&
    repo === state.repos.get(pair.repo) &&
    before.timelines[0] === state.timelines.get(pairKey(pair.repo, pair.tier)) &&
    before.knownSince === knownSinceOf(state, pairs)
  );
}
