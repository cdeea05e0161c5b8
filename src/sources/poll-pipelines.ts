/**
 * Polls unfinished pipelines until their end, at the times of `core/poll-schedule.ts`. A follow is a pipeline to poll.
 *
 * Guarantees: follows survive a restart. A follow ends with its pipeline, or if Woodpecker shows the repo and answers 404
 * for the pipeline. Follows of a repo that is gone are dropped after 90 days. If all polls fail, all follows pause together.
 */

import { isWatched } from '../core/classification.ts';
import { isInFuture } from '../core/clock-skew.ts';
import { type Follow, nextPollAt } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { nowSeconds } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { recover } from '../util/recover.ts';
import { NotFound } from '../woodpecker/client.ts';
import { toRepoFacts, toWholeRecord } from '../woodpecker/normalise.ts';
import type { Dependencies } from './dependencies.ts';
import type { EventResult } from './event-labels.ts';
import { createSleepUntilCommit } from './interruptible-sleep.ts';
import { refuseReplaced, WoodpeckerReplaced } from './repo-discovery.ts';
import { toEventResult } from './store-page.ts';

export interface PollOptions extends Dependencies {
  /** Whether the event stream reports the pipeline: polling is then only a safeguard. */
  readonly isOnStream?: (follow: Follow) => boolean;
}

const polledAtOnce = 4;
const onStreamSeconds = 60;
const shortestSleepMs = 50;
const longestSleepMs = 60_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
const forgottenAfterSeconds = 90 * 86_400;

/** Runs until `signal` is aborted, then rejects with its reason. Rejects earlier with `WoodpeckerReplaced`. */
export async function pollPipelines(options: PollOptions, signal: AbortSignal): Promise<never> {
  const { ingest, clock, log, onEvent, isOnStream = () => false } = options;
  const dueAt = (follow: Follow, now: number): number => {
    // A last poll in the future means that our clock was wrong.
    if (isInFuture(follow.polledAt ?? follow.createdAt, now)) return now;
    return isOnStream(follow)
      ? Math.max(nextPollAt(follow), (follow.polledAt ?? 0) + onStreamSeconds)
      : nextPollAt(follow);
  };
  // The shortest sleep keeps a burst of commits from causing a busy loop.
  const sleep = createSleepUntilCommit(options, shortestSleepMs);
  let pauseMs = firstPauseMs;
  for (;;) {
    const now = nowSeconds(clock);
    const follows = [...ingest.state.follows.values()].map((follow) => ({ follow, at: dueAt(follow, now) }));
    const due = follows.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    if (due.length === 0) {
      const next = Math.min(...follows.map(({ at }) => at));
      await sleep(Math.min(next * 1000 - clock.now(), longestSleepMs), signal);
      continue;
    }
    const outcomes = await Promise.allSettled(
      due.slice(0, polledAtOnce).map(async ({ follow }) => {
        const result = await tryPoll(options, follow, signal);
        if (result) onEvent('follow', result);
      }),
    );
    signal.throwIfAborted();
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const replaced = failures.find((error) => error instanceof WoodpeckerReplaced);
    if (replaced) throw replaced;
    // An unreadable pipeline must not delay others: pause only if every poll failed.
    if (failures.length < outcomes.length) {
      pauseMs = firstPauseMs;
      continue;
    }
    log.debug('Polling pauses, since every poll failed', { error: describeError(failures[0]) });
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

async function tryPoll(
  options: PollOptions,
  follow: Follow,
  signal: AbortSignal,
): Promise<EventResult | null> {
  try {
    const result = await unlessMissing(poll(options, follow, signal));
    return result ?? (await noteMissing(options, follow, signal));
  } catch (error) {
    if (signal.aborted || error instanceof WoodpeckerReplaced) throw error;
    await reschedule(options, follow);
    throw error;
  }
}

/** Reads the pipeline and stores the answer. Rejects as the client and the store do. */
async function poll(options: PollOptions, follow: Follow, signal: AbortSignal): Promise<EventResult> {
  const { ingest, client, clock } = options;
  const repoId = await resolveTarget(options, follow, signal);
  if (repoId === null) {
    await ingest.submit({ kind: 'dropFollow', follow });
    return 'ignored';
  }
  const wire = await client.pipeline(repoId, follow.number, signal);
  const record = toWholeRecord(wire, nowSeconds(clock));
  return toEventResult(await ingest.submit({ kind: 'pollAnswer', follow, repoId, record }));
}

/**
 * Handles a 404: drops the follow if Woodpecker shows the repo. If the token's user cannot see the repo, only a follow that
 * is a mere hint is dropped. Returns `null` if the follow stays.
 */
async function noteMissing(
  options: PollOptions,
  follow: Follow,
  signal: AbortSignal,
): Promise<EventResult | null> {
  const { ingest, client, clock, log } = options;
  const repo = knownRepo(ingest.state, follow);
  if (
    repo?.woodpeckerId &&
    !isForgotten(repo, follow, nowSeconds(clock)) &&
    (await isMoreThanHint(ingest, repo, follow))
  ) {
    if (!(await unlessMissing(client.repo(repo.woodpeckerId, signal)))) {
      await reschedule(options, follow);
      return null;
    }
    // The repo may have been invisible only during the first request.
    const result = await unlessMissing(poll(options, follow, signal));
    if (result) return result;
  }
  log.debug('Woodpecker does not know a polled pipeline', describeFollow(follow));
  await ingest.submit({ kind: 'dropFollow', follow });
  return 'rejected';
}

/** Whether a webhook's hint is not the only sign that the pipeline exists. */
async function isMoreThanHint(ingest: Ingest, repo: Repo, { number, polledAt }: Follow): Promise<boolean> {
  // A scan that cannot read a pipeline adds a follow with `polledAt` set.
  return polledAt !== null || (await ingest.read((rows) => rows.pipelines.get(repo.key, number))) !== null;
}

/** `null` if Woodpecker answers 404. */
function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  return recover(answer, NotFound, () => null);
}

/** Whether the repo is gone, and neither its name nor the pipeline is younger than 90 days. */
function isForgotten(repo: Repo, { createdAt }: Follow, now: number): boolean {
  return repo.isGone && now - Math.max(repo.namedAt, createdAt) > forgottenAfterSeconds;
}

/** Notes a poll that failed, so that the next one is as late as after an answer. */
async function reschedule({ ingest, clock }: PollOptions, follow: Follow): Promise<void> {
  await ingest.submit({ kind: 'failedPoll', follow, at: nowSeconds(clock) });
}

/**
 * Returns Woodpecker's id of the repo, and stores the repo if it is new. `null`: the policy does not watch the repo, or a
 * limit is reached.
 */
async function resolveTarget(
  { ingest, client, clock }: PollOptions,
  follow: Follow,
  signal: AbortSignal,
): Promise<number | null> {
  const { state, mode } = ingest;
  const { target } = follow;
  const known = knownRepo(state, follow);
  if (known?.woodpeckerId) return isWatched(mode.policy, known.fullName) ? known.woodpeckerId : null;
  const wire = await (typeof target === 'number'
    ? client.repo(target, signal)
    : client.lookUpRepo(target, signal));
  const id = wire.id ?? null;
  if (id === null || !isWatched(mode.policy, wire.full_name)) return null;
  refuseReplaced(state, wire);
  const facts = toRepoFacts(wire, nowSeconds(clock));
  const stored = await ingest.submit({ kind: 'repos', repos: [facts] });
  return stored.length > 0 ? id : null;
}

function knownRepo(state: State, { target }: Follow): Repo | null {
  return (typeof target === 'number' ? state.repoById(target) : state.reposByName(target)[0]) ?? null;
}

function describeFollow({ target, number }: Follow): { repo: string; number: number } {
  return { repo: typeof target === 'number' ? `#${target}` : target, number };
}
