/**
 * Asks the forge which commits deployments bring, and stores its answers.
 *
 * Guarantees: never on the way of a webhook or a scrape; the newest deployments first; each step from one deployment to
 * the next is asked for once and stored, again only if another deployment has come between. A repo that cannot be asked
 * for keeps no other waiting; while the forge asks for a pause, all wait.
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
  /** How many deployments the forge is still to be asked for. */
  readonly pending: number;
  /** What is wrong and what to do, as it was logged. */
  readonly troubles: readonly string[];
  /** Asks at once for repos that the forge did not show: something may have changed. */
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
/** Between two looks at what is to be asked, however much is committed meanwhile. */
const shortestNapMs = 500;
const longestNapMs = 60_000;
const firstPauseMs = 5_000;
/** How long answers may wait to be stored together: each time, their series are folded again. */
const longestHoldMs = 2_000;
/** How many of the pending ones are stored together. */
const storedTogether = 1 / 20;

export function createLeadTimes({ ingest, forge, clock, log }: LeadTimesOptions): LeadTimes {
  const { state } = ingest;
  const queue = createLookupQueue(ingest);
  const nameOf = (repo: number): string | undefined => state.repos.get(repo)?.fullName;
  const troubles = createForgeTroubles({ clock, log, nameOf });
  const asking = new Set<QueuedLookup>();
  /** Being asked for, or answered and not stored yet; by key. */
  const taken = new Set<string>();
  let answers: Answer[] = [];
  let firstAnswerAt = 0;

  /** Until when nobody asks, in Unix milliseconds. */
  let rest = { from: 0, until: 0 };
  let failuresInARow = 0;
  const restFor = (ms: number): void => {
    const from = clock.now();
    if (ms > 0) rest = { from, until: Math.max(restEnd(), from + ms) };
  };
  /** 0: nobody rests, or the clock was put back meanwhile. */
  const restEnd = (): number => (clock.now() < rest.from ? 0 : rest.until);
  const isResting = (): boolean => clock.now() < restEnd();
  /** One lookup at a time shows whether the trouble with a repo is over. */
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
    // As many failures as there are slots, and no answer between: it is the forge, not a repo.
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
  /** What cannot be stored is asked for again. */
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
  /** Work on the store; `false`: there was none, or it failed. */
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
        // Of the rest no answer will come any more: they would stand for a forge that is down.
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
        // A slot takes the next look-up as soon as it is free.
        await Promise.race([slept, ...slots]);
        woken.abort(new Error('A slot is free'));
      }
    },
  };
}

function keyOf({ repo, tier, number }: Pick<QueuedLookup, 'repo' | 'tier' | 'number'>): string {
  return `${repo}/${number}/${tier}`;
}
