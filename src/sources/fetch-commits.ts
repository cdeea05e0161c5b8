/**
 * Asks the forge which commits deployments bring, and stores what it tells.
 *
 * Guarantees: never on the way of a webhook or a scrape; the newest deployments first; each step from one deployment to
 * the next is asked for once and stored, again only where another deployment has come between. A repo that cannot be
 * asked for keeps no other waiting; while the forge asks to be left alone, all wait.
 */

import { isWatched } from '../core/classification.ts';
import { type Lookup, lookupsOf } from '../core/lead-time-lookups.ts';
import type { Timeline } from '../core/series/reducer.ts';
import { type Forge, ForgeUnavailable } from '../forge/forge.ts';
import { type Ingest, StoreUnavailable } from '../ingest/ingest.ts';
import type { Clock } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { createRetries } from './backoff.ts';
import { createNap } from './interruptible-sleep.ts';

export interface LeadTimes {
  /** Runs until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** How many deployments the forge is still to be asked for. */
  readonly pending: number;
}

export interface LeadTimesOptions {
  readonly ingest: Ingest;
  readonly forge: Forge;
  readonly clock: Clock;
  readonly log: Log;
}

const askedAtOnce = 4;
/** Between two looks at what is to be asked, however much is committed meanwhile. */
const shortestNapMs = 500;
const longestNapMs = 60_000;
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;

export function createLeadTimes({ ingest, forge, clock, log }: LeadTimesOptions): LeadTimes {
  const { state } = ingest;
  /** What each series wants, as long as it is the same. */
  const wanted = new Map<string, { readonly timeline: Timeline; readonly lookups: readonly Lookup[] }>();
  let pending: readonly Lookup[] = [];
  let pendingOf = -1;
  /** Of repos that could not be asked for: one of them must not keep the others waiting. */
  const retries = createRetries(clock, { firstMs: firstPauseMs, longestMs: longestPauseMs });

  /** Newest first. */
  const findPending = (): readonly Lookup[] => {
    if (state.version === pendingOf) return pending;
    for (const [key, timeline] of state.timelines) {
      if (wanted.get(key)?.timeline !== timeline)
        wanted.set(key, { timeline, lookups: lookupsOf(timeline, state.pairs.get(key)?.tier ?? '') });
    }
    for (const key of wanted.keys()) if (!state.timelines.has(key)) wanted.delete(key);
    pending = [...wanted.values()]
      .flatMap(({ lookups }) => lookups)
      .filter(isAskedFor)
      .sort((a, b) => b.at - a.at);
    pendingOf = state.version;
    return pending;
  };
  const isAskedFor = ({ repo: key }: Lookup): boolean => {
    const repo = state.repos.get(key);
    return repo !== undefined && !repo.isGone && isWatched(ingest.mode.policy, repo.fullName);
  };
  const isDue = ({ repo }: Lookup): boolean => retries.dueAt(repo) <= clock.now();

  const ask = async ({ repo: key, tier, number, base, head }: Lookup, signal: AbortSignal): Promise<void> => {
    const repo = state.repos.get(key);
    if (!repo) return;
    const { commit, range } = await forge.compare(repo, base, head, signal);
    if (range === null) {
      log.debug('Forge cannot tell what a deployment brings', { repo: repo.fullName, number });
    }
    await ingest.submit((uow) => uow.learnChange(key, tier, number, { base, head, range }, commit));
  };

  const noteFailure = (repo: number, error: ForgeUnavailable): void => {
    if (retries.size === 0) {
      const fields = { repo: state.repos.get(repo)?.fullName, error: describeError(error) };
      if (error.obstacle === 'token') log.error('Forge refuses the token: set DORA_FORGE_TOKEN', fields);
      else log.warn('Forge cannot be asked now; lead times wait until it can', fields);
    }
    retries.noteFailure(repo);
  };
  const noteAnswer = (repo: number): void => {
    if (retries.noteSuccess(repo) && retries.size === 0) log.info('Forge answers again');
  };

  /** When nobody asks, in Unix milliseconds. */
  let rest = { from: 0, until: 0 };
  let failuresInARow = 0;
  const restFor = (ms: number): void => {
    const from = clock.now();
    if (ms > 0) rest = { from, until: Math.max(restEnd(), from + ms) };
  };
  /** 0: nobody rests, or the clock was put back meanwhile. */
  const restEnd = (): number => (clock.now() < rest.from ? 0 : rest.until);
  /** Asks, and notes what that says about the forge. */
  const askOnce = async (lookup: Lookup, signal: AbortSignal): Promise<void> => {
    try {
      await ask(lookup, signal);
      failuresInARow = 0;
      noteAnswer(lookup.repo);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ForgeUnavailable) {
        noteFailure(lookup.repo, error);
        restFor((error.retryAfterSeconds ?? 0) * 1000);
        // As many failures as there are slots, and no answer between: it is the forge, not a repo.
        if (++failuresInARow >= askedAtOnce) restFor(firstPauseMs);
      } else if (error instanceof StoreUnavailable) {
        restFor(firstPauseMs);
      } else {
        throw error;
      }
    }
  };

  return {
    get pending() {
      return findPending().length;
    },
    async run(signal) {
      const nap = createNap({ ingest, clock }, shortestNapMs);
      const underWay = new Map<string, Promise<void>>();
      /** What was pending at the last look, without what was begun since. */
      let queue: Lookup[] = [];
      let lookedAt = Number.NEGATIVE_INFINITY;
      const look = (): void => {
        queue = findPending().filter((lookup) => !underWay.has(keyOf(lookup)));
        lookedAt = clock.now();
        // Of the rest no answer will come any more: they would stand for a forge that is away.
        if (retries.size > 0) retries.keepOnly(reposOf(findPending()));
      };
      const takeDue = (): Lookup | null => {
        if (clock.now() < restEnd()) return null;
        const index = queue.findIndex(isDue);
        return index < 0 ? null : (queue.splice(index, 1)[0] ?? null);
      };
      for (;;) {
        signal.throwIfAborted();
        if (Math.abs(clock.now() - lookedAt) >= shortestNapMs || !queue.some(isDue)) look();
        while (underWay.size < askedAtOnce) {
          const lookup = takeDue();
          if (!lookup) break;
          const key = keyOf(lookup);
          underWay.set(
            key,
            askOnce(lookup, signal).finally(() => underWay.delete(key)),
          );
        }
        const nextAt = Math.max(Math.min(...[...reposOf(queue)].map(retries.dueAt)), restEnd());
        const woken = new AbortController();
        const slept = nap(
          Math.min(nextAt - clock.now(), longestNapMs),
          AbortSignal.any([signal, woken.signal]),
        );
        slept.catch(() => undefined);
        // A slot takes the next look-up as soon as it is free.
        await Promise.race([slept, ...underWay.values()]);
        woken.abort(new Error('A slot is free'));
      }
    },
  };
}

function keyOf({ repo, tier, number }: Lookup): string {
  return `${repo}/${number}/${tier}`;
}

function reposOf(lookups: readonly Lookup[]): ReadonlySet<number> {
  return new Set(lookups.map(({ repo }) => repo));
}
