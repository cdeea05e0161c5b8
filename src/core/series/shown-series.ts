/** Which series the state shows, and what each is made of. */

import { type Portions, runToEnd } from '../portions.ts';
import type { Repo } from '../repo.ts';
import type { BookEntry } from './incident-book.ts';
import { type Pair, pairKey, seriesKey } from './pair.ts';
import type { State } from './state.ts';
import type { Timeline } from './timeline.ts';

/** Input of a sample. `pairs` and `timelines` have one item for each repo with the name, but a repo may have no timeline. */
export interface Ingredients {
  /** Current full name; if its case differs, the latest. */
  readonly repo: string;
  readonly tier: string;
  readonly pairs: readonly Pair[];
  readonly timelines: readonly Timeline[];
  readonly knownSince: number | null;
  /** `null`: no incident was ever reported, to any series. */
  readonly incidents: readonly BookEntry[] | null;
}

type ShownSeries = ReadonlyMap<string, Ingredients>;

interface Gathered {
  readonly ingredients: Ingredients | null;
  /** `null`: it must be gathered again. */
  readonly basis: Basis | null;
}

/** Everything that the ingredients of a series of one repo follow from. */
interface Basis {
  readonly pair: Pair;
  readonly repo: Repo;
  readonly timeline: Timeline | undefined;
  readonly unread: number | undefined;
  readonly incidentsVersion: number;
}

interface Known {
  readonly version: number;
  readonly shown: ShownSeries;
  readonly gathered: Map<string, Gathered>;
}

const knownByState = new WeakMap<State, Known>();

/**
 * All series to show, by `seriesKey`, gathered once for each version of the state. A series that has not changed since
 * the last call is the same object.
 */
export function shownSeries(state: State): ShownSeries {
  return runToEnd(gatherAll(state));
}

/** As `shownSeries`, in portions: if the state changes meanwhile, the next call gathers only what has changed. */
export function* gatherAll(state: State): Portions<ShownSeries> {
  const { version } = state;
  const last = knownByState.get(state);
  if (last?.version === version) return last.shown;
  const gathered = new Map<string, Gathered>();
  const shown = new Map<string, Ingredients>();
  for (const [key, entries] of groupPairs(state)) {
    const known = last?.gathered.get(key) ?? null;
    const basis = basisOf(state, entries);
    const one = known && isSameBasis(known.basis, basis) ? known : gatherAgain(state, entries, known, basis);
    gathered.set(key, one);
    if (one.ingredients) shown.set(key, one.ingredients);
    if (gathered.size % seriesAtOnce === 0) yield;
  }
  knownByState.set(state, { version, shown, gathered });
  return shown;
}

const seriesAtOnce = 500;

function groupPairs(state: State): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of state.pairs) {
    const [, pair] = entry;
    const repo = state.repos.get(pair.repo);
    if (!repo?.revealed) continue;
    const key = seriesKey(repo, pair.tier);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return groups;
}

/** `null` for several repos. If another repo has the name, the incidents may be the other one's. */
function basisOf(state: State, entries: readonly Entry[]): Basis | null {
  const [entry] = entries;
  const repo = entry && state.repos.get(entry[1].repo);
  if (!entry || !repo || entries.length > 1) return null;
  if (!state.incidents.isEmpty && state.reposByName(repo.fullName).length > 1) return null;
  const [key, pair] = entry;
  return {
    pair,
    repo,
    timeline: state.timelines.get(key),
    unread: state.unread.get(key),
    incidentsVersion: state.incidents.version,
  };
}

function isSameBasis(a: Basis | null, b: Basis | null): boolean {
  return (
    a !== null &&
    b !== null &&
    a.pair === b.pair &&
    a.repo === b.repo &&
    a.timeline === b.timeline &&
    a.unread === b.unread &&
    a.incidentsVersion === b.incidentsVersion
  );
}

function gatherAgain(
  state: State,
  entries: readonly Entry[],
  known: Gathered | null,
  basis: Basis | null,
): Gathered {
  const ingredients = gather(state, entries);
  const before = known?.ingredients;
  return {
    ingredients: before && ingredients && isSame(before, ingredients) ? before : ingredients,
    basis,
  };
}

/** The series of a repo's name, in any case, and a tier; `null` if none is shown. */
export function findSeries(state: State, fullName: string, tier: string): Ingredients | null {
  const repos = state.reposByName(fullName).filter(({ revealed }) => revealed);
  const entries = repos.flatMap((repo): Entry[] => {
    const key = pairKey(repo.key, tier);
    const pair = state.pairs.get(key);
    return pair ? [[key, pair]] : [];
  });
  return gather(state, entries);
}

/** An entry of the state's `pairs`. */
type Entry = readonly [key: string, pair: Pair];

/** Ingredients of the series of these pairs; `null` if none of them may be shown. */
function gather(state: State, entries: readonly Entry[]): Ingredients | null {
  const pairs: Pair[] = [];
  const timelines: Timeline[] = [];
  let latest: Repo | null = null;
  let isShown = false;
  // If repos share a name, their series is known only from the latest `knownSince` on.
  let knownSince = Number.NEGATIVE_INFINITY;
  for (const [key, pair] of entries) {
    const repo = state.repos.get(pair.repo);
    if (!repo) continue;
    pairs.push(pair);
    const timeline = state.timelines.get(key);
    if (timeline) timelines.push(timeline);
    if (!latest || repo.namedAt > latest.namedAt) latest = repo;
    isShown ||= pair.isKnown && !repo.isGone;
    // The tiers of a pipeline are unknown until the service reads its workflows. It reads the newest pipelines first.
    const unread = state.unread.get(key) ?? Number.NEGATIVE_INFINITY;
    knownSince = Math.max(knownSince, repo.knownSince ?? Number.POSITIVE_INFINITY, unread);
  }
  const [first] = pairs;
  if (!isShown || !latest || !first) return null;
  return {
    repo: latest.fullName,
    tier: first.tier,
    pairs,
    timelines,
    knownSince: Number.isFinite(knownSince) ? knownSince : null,
    incidents: state.incidents.isEmpty
      ? null
      : pairs.flatMap(({ repo, tier }) => state.incidentsOf(repo, tier)),
  };
}

function isSame(a: Ingredients, b: Ingredients): boolean {
  return (
    a.repo === b.repo &&
    a.knownSince === b.knownSince &&
    areSame(a.pairs, b.pairs) &&
    areSame(a.timelines, b.timelines) &&
    (a.incidents === null) === (b.incidents === null) &&
    areSame(a.incidents ?? [], b.incidents ?? [])
  );
}

function areSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
