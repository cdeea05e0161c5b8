/**
 * Follows unfinished pipelines to their end: asks for each at the times of `core/poll-schedule.ts`.
 *
 * Guarantees: follows survive a restart. A follow ends with its pipeline, or if Woodpecker answers 404 for it while it shows
 * the repo; follows of a repo that is gone are dropped after 90 days. While Woodpecker is down, all follows wait together.
 */

import { isWatched } from '../core/classification.ts';
import { isInFuture } from '../core/clock-skew.ts';
import { type Follow, nextPollAt } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { UnitOfWork } from '../ingest/unit-of-work.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { NotFound, type WoodpeckerClient } from '../woodpecker/client.ts';
import { toRepoFacts, toWholeRecord } from '../woodpecker/normalise.ts';
import type { EventResult, SourceDependencies } from './event-labels.ts';
import { createNap } from './interruptible-sleep.ts';
import { refuseReplaced, WoodpeckerReplaced } from './repo-discovery.ts';
import { toEventResult } from './store-page.ts';

export interface FollowOptions extends SourceDependencies {
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  readonly log: Log;
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

/** Runs until `signal` is aborted, then rejects with its reason. */
export async function followPipelines(options: FollowOptions, signal: AbortSignal): Promise<never> {
  const { ingest, clock, log, onEvent, isOnStream = () => false } = options;
  const dueAt = (follow: Follow, now: number): number => {
    // The last poll lies in the future: the clock was wrong.
    if (isInFuture(follow.polledAt ?? follow.createdAt, now)) return now;
    return isOnStream(follow)
      ? Math.max(nextPollAt(follow), (follow.polledAt ?? 0) + onStreamSeconds)
      : nextPollAt(follow);
  };
  // The shortest sleep keeps a burst of commits from causing a busy loop.
  const nap = createNap(options, shortestSleepMs);
  let pauseMs = firstPauseMs;
  for (;;) {
    const now = nowSeconds(clock);
    const follows = [...ingest.state.follows.values()].map((follow) => ({ follow, at: dueAt(follow, now) }));
    const due = follows.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
    if (due.length === 0) {
      const next = Math.min(...follows.map(({ at }) => at));
      await nap(Math.min(next * 1000 - clock.now(), longestSleepMs), signal);
      continue;
    }
    const outcomes = await Promise.allSettled(
      due.slice(0, polledAtOnce).map(async ({ follow }) => {
        const result = await ask(options, follow, signal);
        if (result) onEvent('follow', result);
      }),
    );
    signal.throwIfAborted();
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    const replaced = failures.find((error) => error instanceof WoodpeckerReplaced);
    if (replaced) throw replaced;
    // A pipeline that cannot be read delays no other; a pause for all helps only if every one fails.
    if (failures.length < outcomes.length) {
      pauseMs = firstPauseMs;
      continue;
    }
    log.debug('Following waits for Woodpecker', { error: describeError(failures[0]) });
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }
}

async function ask(options: FollowOptions, follow: Follow, signal: AbortSignal): Promise<EventResult | null> {
  try {
    const result = await unlessMissing(takeIn(options, follow, signal));
    return result ?? (await noteMissing(options, follow, signal));
  } catch (error) {
    if (signal.aborted || error instanceof WoodpeckerReplaced) throw error;
    await reschedule(options, follow);
    throw error;
  }
}

/** Reads it and stores the answer. Rejects as the client does. */
async function takeIn(options: FollowOptions, follow: Follow, signal: AbortSignal): Promise<EventResult> {
  const { ingest, client, clock } = options;
  const repoId = await resolveTarget(options, follow, signal);
  if (repoId === null) {
    await ingest.submit((uow) => uow.dropFollow(follow));
    return 'ignored';
  }
  const wire = await client.pipeline(repoId, follow.number, signal);
  const receivedAt = nowSeconds(clock);
  return ingest.submit(async (uow) => {
    const repo = uow.repoById(repoId);
    const left = onceAsked(uow, follow);
    await uow.dropFollow(follow);
    if (!repo) return 'ignored';
    // The observation keeps the follow, by id, as long as it is needed.
    if (left && !uow.follow(repoId, follow.number)) await uow.putFollow({ ...left, target: repoId });
    return toEventResult(await uow.observe(repo.key, toWholeRecord(wire, receivedAt), 'live'));
  });
}

/** After a 404. The user may only have lost sight of the repo: then a mere hint is dropped, and nothing else. */
async function noteMissing(
  options: FollowOptions,
  follow: Follow,
  signal: AbortSignal,
): Promise<EventResult | null> {
  const { ingest, client, clock, log } = options;
  const repo = knownRepo(ingest.state, follow);
  if (
    repo?.woodpeckerId &&
    !isForgotten(repo, follow, nowSeconds(clock)) &&
    (await isMoreThanHintedAt(ingest, repo, follow))
  ) {
    if (!(await unlessMissing(client.repo(repo.woodpeckerId, signal)))) {
      await reschedule(options, follow);
      return null;
    }
    // The repo may have been invisible for that one request.
    const result = await unlessMissing(takeIn(options, follow, signal));
    if (result) return result;
  }
  log.debug('Woodpecker does not know a pipeline that it was asked for', describeFollow(follow));
  await ingest.submit((uow) => uow.dropFollow(follow));
  return 'rejected';
}

async function isMoreThanHintedAt(
  ingest: Ingest,
  repo: Repo,
  { number, polledAt }: Follow,
): Promise<boolean> {
  // A follow that was polled before may come from a scan that could not read the pipeline.
  return polledAt !== null || (await ingest.read((rows) => rows.pipelines.get(repo.key, number))) !== null;
}

/** `null` if Woodpecker answers 404. */
async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

/** Whether the repo has been gone, and the pipeline silent, for so long that neither will return. */
function isForgotten(repo: Repo, { createdAt }: Follow, now: number): boolean {
  return repo.isGone && now - Math.max(repo.namedAt, createdAt) > forgottenAfterSeconds;
}

/** Sets its next poll as if it had been answered. */
async function reschedule({ ingest, clock }: FollowOptions, follow: Follow): Promise<void> {
  await ingest.submit(async (uow) => {
    const left = onceAsked(uow, follow);
    if (left) await uow.putFollow({ ...left, polledAt: nowSeconds(clock) });
  });
}

/** The follow after a poll: without its hint, unless a newer hint has arrived meanwhile. `null`: it was dropped. */
function onceAsked(uow: UnitOfWork, follow: Follow): Follow | null {
  const current = uow.follow(follow.target, follow.number);
  return current === follow ? { ...current, hintedAt: null } : current;
}

/** The repo's id; stores the repo if it is new. `null` if the policy does not watch it, or a limit is reached. */
async function resolveTarget(
  { ingest, client, clock }: FollowOptions,
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
  refuseReplaced(state, [wire]);
  const facts = toRepoFacts(wire, nowSeconds(clock));
  return ingest.submit(async (uow) => {
    if (!(await uow.admitsRepo(facts))) return null;
    await uow.repoOf(facts);
    return id;
  });
}

function knownRepo(state: State, { target }: Follow): Repo | null {
  return (typeof target === 'number' ? state.repoById(target) : state.reposByName(target)[0]) ?? null;
}

function describeFollow({ target, number }: Follow): { repo: string; number: number } {
  return { repo: typeof target === 'number' ? `#${target}` : target, number };
}
