/**
 * Asks the forge for the commits of each deployment, and stores the answers.
 *
 * Guarantees: webhooks and scrapes never wait for the forge; the newest deployments come first; each pair of successive
 * deployments is compared once, and again only if another deployment appears between them. A failing repo delays no other;
 * if the forge asks for a pause, all wait.
 */

import { type Comparison, type Forge, ForgeUnavailable } from '../forge/forge.ts';
import { type Ingest, StoreUnavailable } from '../ingest/ingest.ts';
import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { createForgeTroubles } from './forge-troubles.ts';
import { createNap } from './interruptible-sleep.ts';
import { createLookupQueue, type QueuedLookup } from './lookup-queue.ts';

export interface LeadTimes {
  /** Runs until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** How many deployments have yet to be looked up. */
  readonly pending: number;
  /** Problems and remedies, as logged. */
  readonly troubles: readonly string[];
  /** Retries the repos that the forge did not show: their visibility may have changed. */
  askAgain(): void;
}

export interface LeadTimesOptions {
  readonly ingest: Ingest;
  readonly forge: Forge;
  readonly clock: Clock;
  readonly log: Log;
}

interface Answer {
  readonly lookup: QueuedLookup;
  readonly comparison: Comparison;
}

const askedAtOnce = 4;
/** Shortest time between two checks for work, however many commits happen. */
const shortestNapMs = 500;
const longestNapMs = 60_000;
const firstPauseMs = 5_000;
/** How long answers may wait to be stored together: each time, their series are computed again. */
const longestHoldMs = 2_000;
/** Share of the pending lookups that is stored together. */
const storedTogether = 1 / 20;

export function createLeadTimes({ ingest, forge, clock, log }: LeadTimesOptions): LeadTimes {
  const { state } = ingest;
  const queue = createLookupQueue(ingest);
  const nameOf = (repo: number): string | undefined => state.repos.get(repo)?.fullName;
  const troubles = createForgeTroubles({ clock, log, nameOf });
  const asking = new Set<QueuedLookup>();
  /** Keys of lookups that are running, or answered and not stored. */
  const taken = new Set<string>();
  let answers: Answer[] = [];
  let firstAnswerAt = 0;

  /** A pause for all lookups, in Unix milliseconds. */
  let rest = { from: 0, until: 0 };
  let failuresInARow = 0;
  const restFor = (ms: number): void => {
    const from = clock.now();
    if (ms > 0) rest = { from, until: Math.max(restEnd(), from + ms) };
  };
  /** 0: there is no pause, or the clock was set back. */
  const restEnd = (): number => (clock.now() < rest.from ? 0 : rest.until);
  const isResting = (): boolean => clock.now() < restEnd();
  /** A repo in trouble gets one lookup at a time. */
  const isDue = (repo: number): boolean =>
    !isResting() &&
    troubles.dueAt(repo) <= clock.now() &&
    !(troubles.has(repo) && [...asking].some((lookup) => lookup.repo === repo));

  const release = (lookup: QueuedLookup, isAnswered: boolean): void => {
    taken.delete(keyOf(lookup));
    queue.settle(lookup, isAnswered);
  };
  const noteFailure = (lookup: QueuedLookup, error: ForgeUnavailable): void => {
    troubles.noteFailure(lookup.repo, error);
    restFor((error.retryAfterSeconds ?? 0) * 1000);
    // If as many lookups fail in a row as run at once, the forge is the problem, not a repo.
    failuresInARow = error.obstacle === 'repo' ? 0 : failuresInARow + 1;
    if (failuresInARow >= askedAtOnce) restFor(firstPauseMs);
  };
  const ask = async (lookup: QueuedLookup, signal: AbortSignal): Promise<void> => {
    const { repo: key, number, base, head } = lookup;
    const repo = state.repos.get(key);
    if (!repo) return release(lookup, false);
    try {
      const comparison = await forge.compare(repo, base, head, signal);
      if (comparison.range === null) {
        log.debug('Forge cannot tell what a deployment brings', { repo: repo.fullName, number });
      }
      failuresInARow = 0;
      troubles.noteAnswer(key);
      if (answers.length === 0) firstAnswerAt = clock.now();
      answers.push({ lookup, comparison });
    } catch (error) {
      release(lookup, false);
      signal.throwIfAborted();
      if (!(error instanceof ForgeUnavailable)) throw error;
      noteFailure(lookup, error);
    }
  };
  const isTimeToStore = (): boolean =>
    answers.length > 0 &&
    (answers.length >= queue.pending * storedTogether ||
      Math.abs(clock.now() - firstAnswerAt) >= longestHoldMs ||
      (asking.size === 0 && !queue.hasDue(isDue)));
  /** Answers that cannot be stored are asked for again. */
  const store = async (): Promise<void> => {
    const stored = answers;
    answers = [];
    let isStored = false;
    try {
      await ingest.submit(async ({ forge: { learn, learnOlder } }) => {
        for (const { lookup, comparison } of stored) {
          const { repo, tier, number, base, head, batch } = lookup;
          const learnThis = batch ? learnOlder : learn;
          await learnThis(repo, tier, number, { base, head, range: comparison.range }, comparison.commit);
        }
      });
      isStored = true;
    } finally {
      for (const { lookup } of stored) release(lookup, isStored);
    }
  };
  /** Reads or stores; `false`: there was no work, or it failed. */
  const workOnStore = async (): Promise<boolean> => {
    try {
      if (!isTimeToStore()) return await queue.tidy(isDue);
      await store();
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      restFor(firstPauseMs);
      return false;
    }
  };

  return {
    get pending() {
      return queue.pending;
    },
    get troubles() {
      return troubles.messages;
    },
    askAgain: troubles.askAgain,
    async run(signal) {
      const nap = createNap({ ingest, clock }, shortestNapMs);
      const slots = new Set<Promise<void>>();
      let lookedAt = Number.NEGATIVE_INFINITY;
      const look = (): void => {
        queue.refresh((lookup) => taken.has(keyOf(lookup)));
        lookedAt = clock.now();
        // The others get no answer any more, and would look like failures of the forge.
        troubles.keepOnly(queue.repos);
      };
      for (;;) {
        signal.throwIfAborted();
        if (Math.abs(clock.now() - lookedAt) >= shortestNapMs || !queue.hasDue(isDue)) look();
        while (slots.size < askedAtOnce) {
          const lookup = queue.take(isDue);
          if (!lookup) break;
          taken.add(keyOf(lookup));
          asking.add(lookup);
          const slot = ask(lookup, signal).finally(() => {
            asking.delete(lookup);
            slots.delete(slot);
          });
          slots.add(slot);
        }
        if (await workOnStore()) continue;
        if (slots.size < askedAtOnce && queue.hasDue(isDue)) continue;
        const nextAt = Math.max(Math.min(...[...queue.repos()].map(troubles.dueAt)), restEnd());
        const woken = new AbortController();
        const slept = nap(
          Math.min(nextAt - clock.now(), longestNapMs),
          AbortSignal.any([signal, woken.signal]),
        );
        slept.catch(() => undefined);
        // A free slot takes the next lookup at once.
        await Promise.race([slept, ...slots]);
        woken.abort(new Error('A slot is free'));
      }
    },
  };
}

function keyOf({ repo, tier, number }: Pick<QueuedLookup, 'repo' | 'tier' | 'number'>): string {
  return `${repo}/${number}/${tier}`;
}
