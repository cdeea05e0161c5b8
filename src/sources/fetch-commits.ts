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
      if (wanted.get(key)?.timeline !== timeline) wanted.set(key, { timeline, lookups: lookupsOf(timeline) });
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

  const ask = async ({ repo: key, number, base, head }: Lookup, signal: AbortSignal): Promise<void> => {
    const repo = state.repos.get(key);
    if (!repo) return;
    const range = await forge.commitsBetween(repo.fullName, base, head, signal);
    if (range === null) {
      log.debug('Forge cannot tell what a deployment brings', { repo: repo.fullName, number });
    }
    await ingest.submit((uow) => uow.learnChange(key, number, { base, head, range }));
  };

  const noteFailure = (repo: number, error: ForgeUnavailable): void => {
    if (retries.size === 0) {
      const fields = { repo: state.repos.get(repo)?.fullName, error: describeError(error) };
      if (error.isUnauthorized) log.error('Forge refuses the token: set DORA_FORGE_TOKEN', fields);
      else log.warn('Forge cannot be asked now; lead times wait until it can', fields);
    }
    retries.noteFailure(repo);
  };
  const noteAnswer = (repo: number): void => {
    if (retries.noteSuccess(repo) && retries.size === 0) log.info('Forge answers again');
  };

  /** Asks for some at once; returns how long to wait before the next. */
  const askForSome = async (lookups: readonly Lookup[], signal: AbortSignal): Promise<number> => {
    let waitMs = 0;
    let isAnyAnswered = false;
    const outcomes = await Promise.allSettled(lookups.map((lookup) => ask(lookup, signal)));
    signal.throwIfAborted();
    for (const [index, outcome] of outcomes.entries()) {
      const repo = lookups[index]?.repo ?? 0;
      if (outcome.status === 'fulfilled') {
        noteAnswer(repo);
        isAnyAnswered = true;
      } else if (outcome.reason instanceof ForgeUnavailable) {
        noteFailure(repo, outcome.reason);
        waitMs = Math.max(waitMs, (outcome.reason.retryAfterSeconds ?? 0) * 1000);
      } else if (outcome.reason instanceof StoreUnavailable) {
        waitMs = Math.max(waitMs, firstPauseMs);
      } else {
        throw outcome.reason;
      }
    }
    return isAnyAnswered ? waitMs : Math.max(waitMs, firstPauseMs);
  };

  return {
    get pending() {
      return findPending().length;
    },
    async run(signal) {
      const nap = createNap({ ingest, clock }, shortestNapMs);
      for (;;) {
        const lookups = findPending();
        // Of the rest no answer will come any more: they would stand for a forge that is away.
        if (retries.size > 0) retries.keepOnly(reposOf(lookups));
        const due = lookups.filter(isDue).slice(0, askedAtOnce);
        if (due.length > 0) {
          await clock.sleep(await askForSome(due, signal), signal);
        } else {
          const nextAt = Math.min(...[...reposOf(lookups)].map(retries.dueAt));
          await nap(Math.min(nextAt - clock.now(), longestNapMs), signal);
        }
      }
    },
  };
}

function reposOf(lookups: readonly Lookup[]): ReadonlySet<number> {
  return new Set(lookups.map(({ repo }) => repo));
}
