/** One transaction's changes to incidents. Later steps see earlier ones; the state is only read. */

import {
  type IncidentPolicy,
  type TrackedAlert,
  type TrackedIncident,
  type TrackedReport,
  trackedKey,
  withoutOldTexts,
} from '../core/failures/tracked-incident.ts';
import { nameKey, type Repo } from '../core/repo.ts';
import { type BookEntry, type BookPlace, toBookEntry } from '../core/series/incident-book.ts';
import type { State } from '../core/series/state.ts';
import { createIncidentOwners, type IncidentOwnersContext } from './incident-owner.ts';
import type { Room } from './room.ts';

export interface IncidentChanges {
  /** The stored alert; `null`: there is none. */
  alert(fingerprint: string): Promise<TrackedAlert | null>;
  /** The stored plain report; `null`: there is none. */
  report(id: string): Promise<TrackedReport | null>;
  /** Whether it is bound to a repo under a name that another repo has now. */
  hasOldName(tracked: TrackedIncident): boolean;
  /** Whether the limit allows one more report; if not, it counts as turned away. */
  admitsReport(): boolean;
  /** Stores an incident that is new, if the limits allow it. */
  putNew(tracked: TrackedIncident): Promise<'stored' | 'limit'>;
  put(tracked: TrackedIncident): Promise<void>;
  /** Moves the incidents of a repo along. Must be called before the repo is renamed, or merged into `after`. */
  follow(before: Repo, after: Repo): Promise<void>;
  /** Deletes titles and links that are too old, and counts the incidents that have a known pair only now. */
  catchUp(): Promise<void>;
  /** The entries of a pair, with the changes of this transaction. */
  of(repo: Repo, tier: string): readonly BookEntry[];
  /**
   * Judges the tier again for all repos that share the repo's name: incidents of the name belong to the one that
   * deployed last.
   */
  judgeSharers(repo: Repo, tier: string): void;
  /** Counts the incidents that have a known pair only now, and returns the changed entries. */
  finish(): Promise<readonly BookEntry[]>;
}

export interface IncidentContext extends IncidentOwnersContext {
  readonly state: State;
  readonly room: Room;
  readonly policy: IncidentPolicy;
  /** Most pairs, including reported names and tiers without a pair. */
  readonly mostPairs: number;
  /** Unix seconds: titles of incidents that ended before are deleted. */
  readonly textsSince: number;
}

/** A report takes some hundred bytes of memory. */
const mostReports = 100_000;

export function createIncidentChanges(context: IncidentContext): IncidentChanges {
  const { tx, state, names, repos, pairs, series, room, policy, mostPairs, textsSince } = context;
  const owners = createIncidentOwners(context);
  const changed = new Map<string, BookEntry>();
  const newPlaces = new Set<string>();
  /** Names that a repo has left or taken. */
  const movedNames = new Set<string>();
  const uncounted = new Set<string>();
  let addedReports = 0;

  const entryAt = (key: string): BookEntry | null => changed.get(key) ?? state.incidents.get(key);
  const entryOf = (tracked: TrackedIncident): BookEntry => toBookEntry(trackedKey(tracked), tracked, policy);
  const find = async <K extends TrackedIncident['kind']>(incident: {
    readonly kind: K;
    readonly id: string;
  }) => {
    const key = trackedKey(incident);
    return (entryAt(key) && (await tx.incidents.get(key))) as Extract<TrackedIncident, { kind: K }> | null;
  };
  const put = async (tracked: TrackedIncident): Promise<void> => {
    const kept = withoutOldTexts(tracked, policy, textsSince);
    await tx.incidents.put(kept);
    const entry = entryOf(kept);
    const before = entryAt(entry.key);
    for (const place of [before?.place, entry.place]) if (place) judgeAgain(place);
    addedReports += entry.reports - (before?.reports ?? 0);
    changed.set(entry.key, entry);
  };

  /** `stored` entries of a name or a repo, with the changes of this transaction. */
  const current = (stored: readonly BookEntry[], isOf: (place: BookPlace) => boolean): BookEntry[] => [
    ...stored.filter(({ key }) => !changed.has(key)),
    ...[...changed.values()].filter(({ place }) => place !== null && isOf(place)),
  ];
  const named = (name: string, tier: string): BookEntry[] =>
    current(
      state.incidents.named(name, tier),
      (place) => place.boundTo === null && place.name === name && place.tier === tier,
    );
  const boundTo = (repo: number, tier: string): BookEntry[] =>
    current(state.incidents.boundTo(repo, tier), (place) => place.boundTo === repo && place.tier === tier);
  const judgeAgain = ({ name, tier, boundTo: bound }: BookPlace): void => {
    const keys = bound === null ? repos.named(name).map(({ key }) => key) : [bound];
    for (const key of keys) series.judgeAgain(key, tier);
  };

  const admitsReport = (): boolean =>
    room.admits('incident', state.incidents.reportCount + addedReports, mostReports);
  const admits = ({ place }: BookEntry): boolean => {
    if (!admitsReport()) return false;
    if (!place || owners.now(place) !== null) return true;
    const key = `${place.name}\n${place.tier}`;
    if (newPlaces.has(key) || state.incidents.hasNamed(place.name, place.tier)) return true;
    const places = pairs.count + state.unknownIncidentPlaces + newPlaces.size;
    if (!room.admits('incident', places, mostPairs)) return false;
    newPlaces.add(key);
    return true;
  };
  /** Binds a report under a former name to the repo that had the name last. */
  const bindLate = async (tracked: TrackedIncident): Promise<TrackedIncident> => {
    const { place } = entryOf(tracked);
    if (!place || place.boundTo !== null || repos.named(place.name).length > 0) return tracked;
    const former = await names.lastOwner(place.name);
    return former === null ? tracked : { ...tracked, bound: { name: place.name, repo: former.repo } };
  };
  /** Binds an entry, under the name that it has, to a repo. */
  const bind = async ({ key, place }: BookEntry, { key: repo }: Repo): Promise<void> => {
    const tracked = await tx.incidents.get(key);
    if (tracked && place) await put({ ...tracked, bound: { name: place.name, repo } });
  };
  /** Adds the entry's uncounted incidents to the total of its pair. */
  const count = async (entry: BookEntry): Promise<void> => {
    const added = entry.incidents.length - entry.counted;
    const owner = entry.place && added > 0 ? owners.now(entry.place) : null;
    if (owner === null || !entry.place) return;
    const tracked = await tx.incidents.get(entry.key);
    if (!tracked) return;
    pairs.countIncidents(owner, entry.place.tier, added);
    await put({ ...tracked, counted: entry.incidents.length });
  };

  return {
    alert: (id) => find({ kind: 'alert', id }),
    report: (id) => find({ kind: 'report', id }),
    hasOldName(tracked) {
      const { place } = entryOf(tracked);
      const repo = place?.boundTo ?? null;
      return place !== null && repo !== null && repos.named(place.name).some(({ key }) => key !== repo);
    },
    admitsReport,
    async putNew(tracked) {
      const bound = await bindLate(tracked);
      if (!admits(entryOf(bound))) return 'limit';
      await put(bound);
      return 'stored';
    },
    put,

    async follow(before, after) {
      const name = nameKey(before.fullName);
      movedNames.add(name).add(nameKey(after.fullName));
      const isMerge = after.key !== before.key;
      for (const entry of isMerge ? state.incidents.entries() : []) {
        if (entryAt(entry.key)?.place?.boundTo === before.key) await bind(entry, after);
      }
      if (name === nameKey(after.fullName)) return;
      const ownerOf = await owners.beforeRenameOf(before);
      const ofName = current(
        state.incidents.ofName(name),
        (place) => place.boundTo === null && place.name === name,
      );
      for (const entry of ofName) if ((await ownerOf(entry)) === before.key) await bind(entry, after);
    },

    async catchUp() {
      for (const entry of state.incidents.entries()) {
        const { key, textUntil, incidents, counted } = entry;
        if (incidents.length > counted) uncounted.add(key);
        if (textUntil === null || textUntil >= textsSince) continue;
        const tracked = await tx.incidents.get(key);
        if (tracked) await put(tracked);
      }
    },

    of(repo, tier) {
      if (state.incidents.isEmpty && changed.size === 0) return [];
      const name = nameKey(repo.fullName);
      const ofName = named(name, tier);
      const isOwner = ofName.length > 0 && owners.now({ name, tier, boundTo: null }) === repo.key;
      return isOwner ? [...boundTo(repo.key, tier), ...ofName] : boundTo(repo.key, tier);
    },

    judgeSharers(repo, tier) {
      const name = nameKey(repo.fullName);
      const sharers = repos.named(name);
      if (sharers.length > 1 && named(name, tier).length > 0) judgeAgain({ name, tier, boundTo: null });
    },

    async finish() {
      const around = ({ repo, tier }: { readonly repo: number; readonly tier: string }) => [
        ...boundTo(repo, tier),
        ...named(nameKey(repos.at(repo).fullName), tier),
      ];
      const moved = [...movedNames].flatMap((name) =>
        repos.named(name).flatMap(({ key: repo }) => pairs.tiersOf(repo).map((tier) => ({ repo, tier }))),
      );
      for (const { repo, tier } of moved) series.judgeAgain(repo, tier);
      for (const pair of [...pairs.newlyKnown(), ...moved]) {
        for (const entry of around(pair)) await count(entry);
      }
      for (const key of [...uncounted, ...changed.keys()]) {
        const entry = entryAt(key);
        if (entry) await count(entry);
      }
      return [...changed.values()];
    },
  };
}
