/**
 * Fetches the commits of each deployment from the forge, and stores them.
 *
 * Guarantees: webhooks and scrapes never wait for the forge. The newest deployments come first. Two successive deployments
 * are compared once, and again only if another deployment appears between them. A failing repo delays no other. If the forge
 * asks for a pause, all lookups wait.
 */

import { type Comparison, type Forge, ForgeUnavailable } from '../forge/forge.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import type { ForgeAnswer } from '../ingest/requests/commits.ts';
import type { Dependencies } from './dependencies.ts';
import { createForgeTroubles } from './forge-troubles.ts';
import { createSleepUntilCommit } from './interruptible-sleep.ts';
import { createLookupQueue, type QueuedLookup } from './lookup-queue.ts';

export interface CommitFetcher {
  /** Runs until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** Number of deployments that still need a lookup. */
  readonly pending: number;
  /** Problems and remedies, as logged. */
  readonly troubles: readonly string[];
  /** Makes the repos due that the forge did not show: their visibility may have changed. */
  retryMissing(): void;
}

export interface CommitFetcherOptions extends Pick<Dependencies, 'ingest' | 'clock' | 'log'> {
  readonly forge: Forge;
}

interface Answer {
  readonly lookup: QueuedLookup;
  readonly comparison: Comparison;
}

const lookupsAtOnce = 4;
/** Shortest time between two updates of the queue; each commit to the store may cause one. */
const shortestSleepMs = 500;
const longestSleepMs = 60_000;
const firstPauseMs = 5_000;
/** Longest time that answers wait in order to be stored together: each time, their series are computed again. */
const longestWaitMs = 2_000;
/** Share of the pending lookups: answers are stored as soon as they are this many. */
const storedTogether = 1 / 20;

export function createCommitFetcher({ ingest, forge, clock, log }: CommitFetcherOptions): CommitFetcher {
  const { state } = ingest;
  const queue = createLookupQueue(ingest);
  const nameOf = (repo: number): string | undefined => state.repos.get(repo)?.fullName;
  const troubles = createForgeTroubles({ clock, log, nameOf });
  const running = new Map<QueuedLookup, Promise<void>>();
  /** Keys of the lookups that are running, and of those answered but not stored yet. */
  const taken = new Set<string>();
  let answers: Answer[] = [];
  let firstAnswerAt = 0;

  /** A pause for all lookups, in Unix milliseconds. */
  let pause = { from: 0, until: 0 };
  let failuresInARow = 0;
  const pauseFor = (ms: number): void => {
    const from = clock.now();
    if (ms > 0) pause = { from, until: Math.max(pauseEnd(), from + ms) };
  };
  /** 0: there is no pause, or the clock was set back. */
  const pauseEnd = (): number => (clock.now() < pause.from ? 0 : pause.until);
  const isPaused = (): boolean => clock.now() < pauseEnd();
  /** A failing repo gets one lookup at a time. */
  const isDue = (repo: number): boolean =>
    !isPaused() &&
    troubles.dueAt(repo) <= clock.now() &&
    !(troubles.has(repo) && [...running.keys()].some((lookup) => lookup.repo === repo));

  const release = (lookup: QueuedLookup, isAnswered: boolean): void => {
    taken.delete(keyOf(lookup));
    queue.finish(lookup, isAnswered);
  };
  const noteFailure = (lookup: QueuedLookup, error: ForgeUnavailable): void => {
    troubles.noteFailure(lookup.repo, error);
    pauseFor((error.retryAfterSeconds ?? 0) * 1000);
    // If this many lookups in a row fail, the problem is the forge, not a repo.
    failuresInARow = error.obstacle === 'repo' ? 0 : failuresInARow + 1;
    if (failuresInARow >= lookupsAtOnce) pauseFor(firstPauseMs);
  };
  const ask = async (lookup: QueuedLookup, signal: AbortSignal): Promise<void> => {
    const { repo: key, number, base, head } = lookup;
    const repo = state.repos.get(key);
    if (!repo) return release(lookup, false);
    try {
      const comparison = await forge.compare(repo, base, head, signal);
      if (comparison.range === null) {
        log.debug('Forge does not know the commits of a deployment', { repo: repo.fullName, number });
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
      Math.abs(clock.now() - firstAnswerAt) >= longestWaitMs ||
      (running.size === 0 && !queue.hasDue(isDue)));
  /** If the answers cannot be stored, their lookups return to the queue. Rejects with `StoreUnavailable`. */
  const store = async (): Promise<void> => {
    const stored = answers;
    answers = [];
    let isStored = false;
    try {
      await ingest.submit({ kind: 'commits', answers: stored.map(toForgeAnswer) });
      isStored = true;
    } finally {
      for (const { lookup } of stored) release(lookup, isStored);
    }
  };
  /** Stores answers, or reads or applies a batch. `false`: there was no work, or the store failed. */
  const workOnStore = async (): Promise<boolean> => {
    try {
      if (!isTimeToStore()) return await queue.workOnBatches(isDue);
      await store();
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      pauseFor(firstPauseMs);
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
    retryMissing: troubles.retryMissing,
    async run(signal) {
      const sleep = createSleepUntilCommit({ ingest, clock }, shortestSleepMs);
      let refreshedAt = Number.NEGATIVE_INFINITY;
      const refresh = (): void => {
        queue.refresh((lookup) => taken.has(keyOf(lookup)));
        refreshedAt = clock.now();
        // A repo without lookups gets no answer any more, so its failure would never end.
        troubles.keepOnly(queue.repos);
      };
      for (;;) {
        signal.throwIfAborted();
        if (Math.abs(clock.now() - refreshedAt) >= shortestSleepMs || !queue.hasDue(isDue)) refresh();
        while (running.size < lookupsAtOnce) {
          const lookup = queue.take(isDue);
          if (!lookup) break;
          taken.add(keyOf(lookup));
          running.set(
            lookup,
            ask(lookup, signal).finally(() => running.delete(lookup)),
          );
        }
        if (await workOnStore()) continue;
        if (running.size < lookupsAtOnce && queue.hasDue(isDue)) continue;
        const nextAt = Math.max(Math.min(...[...queue.repos()].map(troubles.dueAt)), pauseEnd());
        const woken = new AbortController();
        const slept = sleep(
          Math.min(nextAt - clock.now(), longestSleepMs),
          AbortSignal.any([signal, woken.signal]),
        );
        slept.catch(() => undefined);
        // If a lookup ends, the next one starts at once.
        await Promise.race([slept, ...running.values()]);
        woken.abort(new Error('A lookup has ended'));
      }
    },
  };
}

function toForgeAnswer({ lookup, comparison: { range, commit } }: Answer): ForgeAnswer {
  const { repo, tier, number, base, head, batch } = lookup;
  return { repo, tier, number, change: { base, head, range }, commit, isOlder: batch !== null };
}

function keyOf({ repo, tier, number }: Pick<QueuedLookup, 'repo' | 'tier' | 'number'>): string {
  return `${repo}/${number}/${tier}`;
}
