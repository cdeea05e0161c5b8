/**
 * All incidents in memory, by repo and tier.
 *
 * An incident belongs to a name, since a report may arrive before the first deployment under that name. If the repo is
 * renamed later, the incident belongs to the repo instead. Values are never modified, only replaced.
 */

import { isStale } from '../failures/incidents.ts';
import {
  boundRepo,
  type IncidentPolicy,
  incidentsOf,
  placeOf,
  type TrackedIncident,
} from '../failures/tracked-incident.ts';
import type { Incident } from '../incident.ts';
import { nameKey } from '../repo.ts';
import { addTo, removeFrom } from '../sets-by-key.ts';

/** The part of a tracked incident that is kept in memory. */
export interface BookEntry {
  /** Result of `trackedKey`. */
  readonly key: string;
  /** `null`: no rule of the policy maps the alert. */
  readonly place: BookPlace | null;
  /** In order of their start, without dismissed ones. */
  readonly incidents: readonly BookIncident[];
  /** Number of stored reports. */
  readonly reports: number;
  /** Number of its incidents that `dora_incidents_total` has counted. */
  readonly counted: number;
  /**
   * Unix seconds: once the history begins later than this, a title or link is too old to keep; `null`: it has none.
   */
  readonly textUntil: number | null;
}

export interface BookIncident extends Incident {
  /** Number of the pipeline that the report names; `null`: it names none. */
  readonly deployment: number | null;
}

export interface BookPlace {
  /** `nameKey` of the reported name. */
  readonly name: string;
  readonly tier: string;
  /**
   * Key of the repo if that was renamed since the report; `null`: the incident belongs to the repo that has the name.
   */
  readonly boundTo: number | null;
}

export interface IncidentBook {
  get(key: string): BookEntry | null;
  entries(): Iterable<BookEntry>;
  /** The place of each entry, once. */
  places(): Iterable<BookPlace>;
  /** Grows with every `put`. */
  readonly version: number;
  /** Entries of a name and tier that are bound to no repo. */
  named(name: string, tier: string): readonly BookEntry[];
  /** Entries that are bound to the repo. */
  boundTo(repo: number, tier: string): readonly BookEntry[];
  /** Entries of a name, in any tier, that are bound to no repo. */
  ofName(name: string): readonly BookEntry[];
  /** Whether `named` has an entry. */
  hasNamed(name: string, tier: string): boolean;
  /** Number of reports of all entries. */
  readonly reportCount: number;
  readonly isEmpty: boolean;
  put(entry: BookEntry): void;
}

export function toBookEntry(key: string, tracked: TrackedIncident, policy: IncidentPolicy): BookEntry {
  const place = placeOf(tracked, policy);
  const incidents = incidentsOf(tracked, policy);
  const titled = incidents.filter(({ title, url }) => title !== null || url !== null);
  const lastKnown = titled.map(({ start, end, receivedAt }) => end ?? receivedAt ?? start);
  return {
    key,
    place: place && {
      name: nameKey(place.repo),
      tier: place.tier,
      boundTo: boundRepo(tracked, place),
    },
    incidents: incidents
      .filter(({ isDismissed }) => !isDismissed)
      .map(({ id, start, end, receivedAt, deployment }) => ({ id, start, end, receivedAt, deployment })),
    reports: tracked.kind === 'alert' ? tracked.reports.length : 1,
    counted: tracked.counted,
    textUntil: lastKnown.length === 0 ? null : Math.min(...lastKnown),
  };
}

export function createIncidentBook(): IncidentBook {
  const byKey = new Map<string, BookEntry>();
  const byPlace = new Map<string, Set<string>>();
  const byName = new Map<string, Set<string>>();
  let reportCount = 0;
  let version = 0;

  const all = (keys: ReadonlySet<string> | undefined): readonly BookEntry[] =>
    [...(keys ?? [])].flatMap((key) => byKey.get(key) ?? []);
  const at = (placeKey: string): readonly BookEntry[] => all(byPlace.get(placeKey));
  const remove = (entry: BookEntry): void => {
    reportCount -= entry.reports;
    if (!entry.place) return;
    removeFrom(byPlace, keyOf(entry.place), entry.key);
    removeFrom(byName, entry.place.name, entry.key);
  };

  return {
    get: (key) => byKey.get(key) ?? null,
    entries: () => byKey.values(),
    *places() {
      for (const [first = ''] of byPlace.values()) {
        const place = byKey.get(first)?.place;
        if (place) yield place;
      }
    },
    get version() {
      return version;
    },
    named: (name, tier) => at(keyOf({ name, tier, boundTo: null })),
    boundTo: (repo, tier) => at(keyOf({ name: '', tier, boundTo: repo })),
    ofName: (name) => all(byName.get(name)),
    hasNamed: (name, tier) => byPlace.has(keyOf({ name, tier, boundTo: null })),
    get reportCount() {
      return reportCount;
    },
    get isEmpty() {
      return byKey.size === 0;
    },
    put(entry) {
      version++;
      const before = byKey.get(entry.key);
      if (before) remove(before);
      byKey.set(entry.key, entry);
      reportCount += entry.reports;
      if (!entry.place) return;
      const { name, boundTo } = entry.place;
      if (boundTo === null) addTo(byName, name, entry.key);
      addTo(byPlace, keyOf(entry.place), entry.key);
    },
  };
}

function keyOf({ name, tier, boundTo }: BookPlace): string {
  return boundTo === null ? `name ${name}\n${tier}` : `repo ${boundTo}\n${tier}`;
}

/** Number of incidents open at `now`, and the moment until which it stays so without a new report, Unix seconds. */
export function countOpen(
  entries: readonly BookEntry[],
  staleSeconds: number,
  now: number,
): { open: number; validUntil: number } {
  let open = 0;
  let validUntil = Number.POSITIVE_INFINITY;
  for (const incident of entries.flatMap(({ incidents }) => incidents)) {
    const end = incident.end ?? Number.POSITIVE_INFINITY;
    if (incident.start > now) {
      validUntil = Math.min(validUntil, incident.start);
    } else if (end > now && !isStale(incident, now, staleSeconds)) {
      open++;
      const staleAt = incident.receivedAt === null ? end : incident.receivedAt + staleSeconds + 1;
      validUntil = Math.min(validUntil, end, staleAt);
    }
  }
  return { open, validUntil };
}
