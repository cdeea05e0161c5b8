/**
 * The state in memory: repos, pairs with their totals, timelines, follows, incidents, marks and pipeline counts.
 *
 * It is a cache of the store: built from it at start, and changed only after a commit. Values are never modified, only
 * replaced. Only `apply` changes the maps.
 */

import { type MarkPlace, markKey, type StoredMark } from '../failures/operator-mark.ts';
import { createTally, type Tally } from '../pipeline-counts.ts';
import { type Follow, targetsOf } from '../poll-schedule.ts';
import { nameKey, type Repo } from '../repo.ts';
import { addTo, removeFrom } from '../sets-by-key.ts';
import { type BookEntry, createIncidentBook, type IncidentBook } from './incident-book.ts';
import type { Surroundings } from './judged.ts';
import { lastDeployedOf, lastIn } from './last-deployed.ts';
import { type Pair, pairKey } from './pair.ts';
import { surroundingsOf } from './surroundings.ts';
import type { Timeline } from './timeline.ts';

export interface State {
  readonly repos: ReadonlyMap<number, Repo>;
  /** By `pairKey`. */
  readonly pairs: ReadonlyMap<string, Pair>;
  /** By `pairKey`. */
  readonly timelines: ReadonlyMap<string, Timeline>;
  /** By `pairKey`: end of the latest pipeline whose workflows the service must still read, Unix seconds. */
  readonly unread: ReadonlyMap<string, number>;
  /** By `followKey`. */
  readonly follows: ReadonlyMap<string, Follow>;
  readonly tally: Tally;
  readonly incidents: Omit<IncidentBook, 'put'>;
  /** Number of places (a name and a tier) that have incidents and no known pair. */
  readonly unknownIncidentPlaces: number;
  /** By `markKey`. */
  readonly marks: ReadonlyMap<string, StoredMark>;
  /** Assumed lead of Woodpecker's clock over ours, in seconds; negative if it is behind. */
  readonly clockAhead: number;
  /** Grows with every `apply` that changes more than `confirmations` and `clockAhead`. */
  readonly version: number;
  repoById(woodpeckerId: number): Repo | null;
  /** Repos that have the name, in any case; the repo that got it last is first. */
  reposByName(fullName: string): readonly Repo[];
  /** Unix seconds at which Woodpecker's list of repos last confirmed the repo's name; 0: not since the start. */
  confirmedAt(repo: number): number;
  /** Tiers of the repo's pairs, whether the current policy yields the pairs or not. */
  tiersOf(repo: number): readonly string[];
  /**
   * The repo that owns the incidents of a name and tier: of the repos that have the name and a known pair in the tier,
   * the one that deployed last; `null`: there is none.
   */
  ownerOf(fullName: string, tier: string): Repo | null;
  /** The one of `repos` that deployed last to the tier; `null` if `repos` is empty. */
  lastDeployed(repos: readonly Repo[], tier: string): Repo | null;
  /** All entries whose incidents belong to the pair. */
  incidentsOf(repo: number, tier: string): readonly BookEntry[];
  /**
   * Facts beside the deployments of a pair at `now` (Unix seconds) that their verdicts depend on. `owner`: key of the repo
   * that owns the incidents of the pair's name; by default, the current owner.
   */
  surroundingsOf(repo: number, tier: string, now: number, owner?: number | null): Surroundings;
  /** Unix seconds from which on some timeline must be judged again, even without a change; infinite: never. */
  readonly judgedUntil: number;
  /** `pairKey` of each timeline that must be judged again at `now` (Unix seconds). */
  judgedUntilBefore(now: number): readonly string[];
  /** An operator's mark on a pipeline's deployment in a tier; `null`: there is none. */
  markOf(place: MarkPlace): StoredMark | null;
  /** Fields that the change leaves out stay as they are. */
  apply(change: Partial<StateChange>): void;
}

export interface StateChange {
  readonly repos: readonly Repo[];
  /** By key of the repo: Unix seconds at which Woodpecker's list of repos confirmed its name. */
  readonly confirmations: ReadonlyMap<number, number>;
  /** Keys of the repos to forget, with their pairs. */
  readonly droppedRepos: readonly number[];
  readonly pairs: readonly Pair[];
  /** By `pairKey`; `null` removes the timeline. */
  readonly timelines: ReadonlyMap<string, Timeline | null>;
  /** By `pairKey`; `null` removes the entry. */
  readonly unread: ReadonlyMap<string, number | null>;
  readonly follows: ReadonlyMap<string, Follow | null>;
  readonly tally: Tally;
  readonly incidents: readonly BookEntry[];
  /** By `markKey`; `null` removes the mark. */
  readonly marks: ReadonlyMap<string, StoredMark | null>;
  readonly clockAhead: number;
}

export function createState(): State {
  const repos = new Map<number, Repo>();
  const confirmedAt = new Map<number, number>();
  const pairs = new Map<string, Pair>();
  const timelines = new Map<string, Timeline>();
  const unread = new Map<string, number>();
  const follows = new Map<string, Follow>();
  const keyById = new Map<number, number>();
  const keysByName = new Map<string, Set<number>>();
  const tiersByRepo = new Map<number, Set<string>>();
  const incidents = createIncidentBook();
  const marks = new Map<string, StoredMark>();
  /** By `pairKey`: `validUntil` of the timelines for which it is finite. */
  const judgedUntil = new Map<string, number>();
  let tally = createTally();
  let clockAhead = 0;
  let version = 0;
  let unknownPlaces = { version: -1, count: 0 };

  const dropRepo = (key: number): void => {
    const repo = repos.get(key);
    if (!repo) return;
    removeFrom(keysByName, nameKey(repo.fullName), key);
    if (repo.woodpeckerId !== null) keyById.delete(repo.woodpeckerId);
    for (const tier of tiersByRepo.get(key) ?? []) pairs.delete(pairKey(key, tier));
    tiersByRepo.delete(key);
    repos.delete(key);
    confirmedAt.delete(key);
  };
  const applyRepo = (repo: Repo): void => {
    const before = repos.get(repo.key);
    if (before) removeFrom(keysByName, nameKey(before.fullName), repo.key);
    addTo(keysByName, nameKey(repo.fullName), repo.key);
    if (repo.woodpeckerId !== null) keyById.set(repo.woodpeckerId, repo.key);
    repos.set(repo.key, repo);
  };

  const reposByName = (fullName: string): readonly Repo[] => {
    const keys = keysByName.get(nameKey(fullName)) ?? [];
    return [...keys]
      .flatMap((key) => repos.get(key) ?? [])
      .sort((a, b) => b.namedAt - a.namedAt || b.key - a.key);
  };
  const lastDeployed = (named: readonly Repo[], tier: string): Repo | null =>
    lastDeployedOf(named, ({ key }) => lastIn(timelines.get(pairKey(key, tier))));
  const ownerOf = (fullName: string, tier: string): Repo | null =>
    lastDeployed(
      reposByName(fullName).filter(({ key }) => pairs.get(pairKey(key, tier))?.isKnown),
      tier,
    );
  const incidentsOf = (repo: number, tier: string, owner?: number | null): readonly BookEntry[] => {
    const bound = incidents.boundTo(repo, tier);
    const name = repos.get(repo)?.fullName;
    if (name === undefined || !incidents.hasNamed(nameKey(name), tier)) return bound;
    const isOwner = (owner === undefined ? ownerOf(name, tier)?.key : owner) === repo;
    return isOwner ? [...bound, ...incidents.named(nameKey(name), tier)] : bound;
  };
  const countUnknownPlaces = (): number => {
    let unknown = 0;
    for (const { name, tier, boundTo } of incidents.places()) {
      if (boundTo === null && ownerOf(name, tier) === null) unknown++;
    }
    return unknown;
  };

  return {
    repos,
    pairs,
    timelines,
    unread,
    follows,
    incidents,
    get unknownIncidentPlaces() {
      if (unknownPlaces.version !== version) unknownPlaces = { version, count: countUnknownPlaces() };
      return unknownPlaces.count;
    },
    marks,
    get tally() {
      return tally;
    },
    get clockAhead() {
      return clockAhead;
    },
    get version() {
      return version;
    },
    repoById(woodpeckerId) {
      const key = keyById.get(woodpeckerId);
      return (key !== undefined && repos.get(key)) || null;
    },
    reposByName,
    confirmedAt: (key) => confirmedAt.get(key) ?? 0,
    tiersOf: (repo) => [...(tiersByRepo.get(repo) ?? [])],
    ownerOf,
    lastDeployed,
    incidentsOf,
    surroundingsOf(repo, tier, now, owner) {
      const known = repos.get(repo);
      return surroundingsOf(
        incidentsOf(repo, tier, owner),
        follows.values(),
        known ? targetsOf(known) : [],
        now,
      );
    },
    get judgedUntil() {
      return Math.min(...judgedUntil.values(), Number.POSITIVE_INFINITY);
    },
    judgedUntilBefore: (now) => [...judgedUntil].flatMap(([key, until]) => (until <= now ? key : [])),
    markOf: (place) => marks.get(markKey(place)) ?? null,
    apply({
      repos: changedRepos = [],
      confirmations = noConfirmations,
      droppedRepos = [],
      pairs: changedPairs = [],
      timelines: changedTimelines = none,
      unread: changedUnread = none,
      follows: changedFollows = none,
      tally: nextTally = tally,
      incidents: changedIncidents = [],
      marks: changedMarks = none,
      clockAhead: nextClockAhead = clockAhead,
    }) {
      for (const [key, at] of confirmations) confirmedAt.set(key, at);
      clockAhead = nextClockAhead;
      const changes = changedRepos.length + changedPairs.length + changedTimelines.size + changedFollows.size;
      const others = droppedRepos.length + changedIncidents.length + changedMarks.size + changedUnread.size;
      if (changes + others === 0 && nextTally === tally) return;
      for (const key of droppedRepos) dropRepo(key);
      for (const repo of changedRepos) applyRepo(repo);
      for (const pair of changedPairs) {
        pairs.set(pairKey(pair.repo, pair.tier), pair);
        addTo(tiersByRepo, pair.repo, pair.tier);
      }
      replaceAll(timelines, changedTimelines);
      for (const [key, timeline] of changedTimelines) {
        if (timeline && Number.isFinite(timeline.validUntil)) judgedUntil.set(key, timeline.validUntil);
        else judgedUntil.delete(key);
      }
      replaceAll(unread, changedUnread);
      replaceAll(follows, changedFollows);
      replaceAll(marks, changedMarks);
      for (const entry of changedIncidents) incidents.put(entry);
      tally = nextTally;
      version++;
    },
  };
}

const none: ReadonlyMap<string, never> = new Map<string, never>();
const noConfirmations: ReadonlyMap<number, number> = new Map();

function replaceAll<T>(target: Map<string, T>, changes: ReadonlyMap<string, T | null>): void {
  for (const [key, value] of changes) {
    if (value === null) target.delete(key);
    else target.set(key, value);
  }
}
