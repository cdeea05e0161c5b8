/**
 * Computes the samples of incidents from the state, one per series, beside the samples of the figures.
 *
 * Guarantees: samples follow from the state and `now` alone. A sample stays the same object as long as its content is
 * the same. If the store has no incident, they cost nothing.
 */

import { compareText } from '../compare-text.ts';
import { isStale } from '../failures/incidents.ts';
import { failureRulesOf, type Policy } from '../policy.ts';
import type { BookEntry } from './incident-book.ts';
import { incidentsTotal } from './ledger.ts';
import { type Ingredients, shownSeries } from './shown-series.ts';
import type { State } from './state.ts';

export interface IncidentSample {
  /** Current full name of the repo. */
  readonly repo: string;
  readonly tier: string;
  readonly open: number;
  /** `null`: the policy looks for no incidents in the tier. */
  readonly total: number | null;
}

export interface IncidentSamples {
  /** Sorted by repo and tier. Calls `yieldToEventLoop` between pieces of the work; `now` in Unix seconds. */
  at(now: number, yieldToEventLoop: () => Promise<void>): Promise<readonly IncidentSample[]>;
}

const seriesAtOnce = 500;

export function createIncidentSamples(
  state: State,
  policy: Pick<Policy, 'tiers' | 'failures' | 'incidents'>,
): IncidentSamples {
  const { staleSeconds } = policy.incidents;
  const isLookedFor = (tier: string) => failureRulesOf(policy, tier).incident.withinSeconds !== null;
  let samples: readonly IncidentSample[] = [];
  let byKey = new Map<string, IncidentSample>();
  let madeOf = { version: -1, now: 0, validUntil: 0 };

  const make = (
    { repo, pairs }: Ingredients,
    now: number,
  ): { sample: IncidentSample; validUntil: number } => {
    const tier = pairs[0]?.tier ?? '';
    const entries = pairs.flatMap((pair) => state.incidentsOf(pair.repo, tier));
    const total = pairs.reduce((sum, { totals }) => sum + (totals.counters[incidentsTotal] ?? 0), 0);
    const { open, validUntil } = countOpen(entries, staleSeconds, now);
    return {
      sample: { repo: repo.fullName, tier, open, total: isLookedFor(tier) ? total : null },
      validUntil,
    };
  };

  return {
    async at(now, yieldToEventLoop) {
      const { version } = state;
      if (state.incidents.isEmpty) return samples;
      if (version === madeOf.version && now >= madeOf.now && now < madeOf.validUntil) return samples;
      await yieldToEventLoop();
      const shown = [...shownSeries(state)].sort(([a], [b]) => compareText(a, b));
      const next = new Map<string, IncidentSample>();
      let validUntil = Number.POSITIVE_INFINITY;
      for (const [index, [key, ingredients]] of shown.entries()) {
        if (index % seriesAtOnce === 0) await yieldToEventLoop();
        const { sample, validUntil: until } = make(ingredients, now);
        validUntil = Math.min(validUntil, until);
        const before = byKey.get(key);
        if (sample.open > 0 || sample.total !== null)
          next.set(key, before && isSame(before, sample) ? before : sample);
      }
      const list = [...next.values()];
      const isAsBefore = list.length === samples.length && list.every((one, index) => one === samples[index]);
      if (!isAsBefore) samples = list;
      byKey = next;
      // If a commit has changed the state meanwhile, `version` is old and the next call computes the samples anew.
      madeOf = { version, now, validUntil };
      return samples;
    },
  };
}

/** Number of incidents open at `now`, and the moment until which it stays so without a new report, Unix seconds. */
function countOpen(
  entries: readonly BookEntry[],
  staleSeconds: number,
  now: number,
): { open: number; validUntil: number } {
  let open = 0;
  let validUntil = Number.POSITIVE_INFINITY;
  for (const { incidents } of entries) {
    for (const incident of incidents) {
      const end = incident.end ?? Number.POSITIVE_INFINITY;
      if (incident.start > now) {
        validUntil = Math.min(validUntil, incident.start);
      } else if (end > now && !isStale(incident, now, staleSeconds)) {
        open++;
        const staleAt = incident.receivedAt === null ? end : incident.receivedAt + staleSeconds + 1;
        validUntil = Math.min(validUntil, end, staleAt);
      }
    }
  }
  return { open, validUntil };
}

function isSame(a: IncidentSample, b: IncidentSample): boolean {
  return a.repo === b.repo && a.tier === b.tier && a.open === b.open && a.total === b.total;
}
