/** The list of incidents: which ones from the state, their titles from the store. */

import { compareText } from '../core/compare-text.ts';
import { asOf, isStale } from '../core/failures/incidents.ts';
import type { IncidentListRequest, ListedIncident, ListIncidents } from '../core/failures/listed-incident.ts';
import { incidentsOf, placeOf, type TrackedIncident } from '../core/failures/tracked-incident.ts';
import { createFirstItems } from '../core/first-items.ts';
import { nameKey } from '../core/repo.ts';
import type { BookEntry, BookIncident, BookPlace } from '../core/series/incident-book.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';

interface Found {
  readonly key: string;
  readonly place: BookPlace;
  readonly incident: BookIncident;
}

const entriesAtOnce = 500;

export function createListIncidents({ state, mode, read }: Ingest): ListIncidents {
  const policy = mode.policy.incidents;

  const ownerOf = ({ name, tier, boundTo }: BookPlace) =>
    boundTo === null ? state.ownerOf(name, tier) : (state.repos.get(boundTo) ?? null);

  const isWanted = ({ place }: BookEntry, request: IncidentListRequest): boolean => {
    if (!place || (request.tier !== undefined && place.tier !== request.tier)) return false;
    return request.repo === undefined || nameKey(request.repo) === nameOf(place);
  };
  const nameOf = (place: BookPlace): string => nameKey(ownerOf(place)?.fullName ?? place.name);

  const find = async (request: IncidentListRequest): Promise<{ newest: readonly Found[]; count: number }> => {
    const yieldToEventLoop = createEventLoopYield();
    const newest = createFirstItems<Found>(
      request.limit,
      ({ incident: a }, { incident: b }) => b.start - a.start || compareText(a.id, b.id),
    );
    let count = 0;
    let seen = 0;
    for (const entry of state.incidents.entries()) {
      if (++seen % entriesAtOnce === 0) await yieldToEventLoop();
      const { key, place } = entry;
      if (!place || !isWanted(entry, request)) continue;
      for (const incident of entry.incidents) {
        if (request.isOpen && !isOpenAt(incident, request.now)) continue;
        count++;
        newest.add({ key, place, incident: request.isOpen ? asOf(incident, request.now) : incident });
      }
    }
    return { newest: newest.items(), count };
  };
  const isOpenAt = (incident: BookIncident, now: number): boolean =>
    incident.start <= now && asOf(incident, now).end === null && !isStale(incident, now, policy.staleSeconds);
  const isStaleNow = (incident: BookIncident, now: number): boolean =>
    incident.end === null && isStale(incident, now, policy.staleSeconds);

  const describe = (
    tracked: TrackedIncident | null,
    { place, incident }: Found,
    now: number,
  ): ListedIncident => {
    const told = tracked && incidentsOf(tracked, policy).find(({ id }) => id === incident.id);
    const owner = ownerOf(place);
    // The state has names in lower case alone.
    const nameAsPosted = (tracked && placeOf(tracked, policy)?.repo) ?? place.name;
    return {
      ...incident,
      kind: tracked?.kind ?? 'report',
      repo: owner?.fullName ?? nameAsPosted,
      tier: place.tier,
      isOfPair: owner !== null,
      isStale: isStaleNow(incident, now),
      title: told?.title ?? null,
      url: told?.url ?? null,
    };
  };

  return (request) =>
    read(async (rows) => {
      const { newest, count } = await find(request);
      const tracked = new Map<string, TrackedIncident | null>();
      const incidents: ListedIncident[] = [];
      for (const found of newest) {
        const { key } = found;
        if (!tracked.has(key)) tracked.set(key, await rows.incidents.get(key));
        incidents.push(describe(tracked.get(key) ?? null, found, request.now));
      }
      return { incidents, others: count - incidents.length };
    });
}
