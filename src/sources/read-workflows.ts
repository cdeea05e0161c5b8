/**
 * Reads missing workflows of stored pipelines in the background: if a rule on workflows or steps could match the pipeline,
 * or if an older version of this program stored a failure that may be a cancelled run.
 *
 * Reads pipelines after the horizon, the newest first, at most five a second. Guarantees: reads each pipeline once; if
 * Woodpecker has deleted it, or has no workflows for it, it counts as a pipeline without workflows.
 */

import type { Repo } from '../core/repo.ts';
import { type Ingest, StoreUnavailable } from '../ingest/ingest.ts';
import { createEventLoopYield, nowSeconds } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { recover } from '../util/recover.ts';
import { NotFound } from '../woodpecker/client.ts';
import { toWholeRecord } from '../woodpecker/normalise.ts';
import { createBackoff } from './backoff.ts';
import type { Dependencies } from './dependencies.ts';
import { createSleepUntilCommit } from './interruptible-sleep.ts';
import { createOldFailures, type PipelinesToRead } from './old-failures.ts';
import { isWatchedRepo, type RepoWithId } from './watched-repos.ts';

export type ReadWorkflowsOptions = Omit<Dependencies, 'onEvent'>;

const readsPerSecond = 5;
const longestSleepMs = 60_000;
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;

/** Runs until `signal` is aborted, then rejects with its reason. */
export async function readWorkflows(options: ReadWorkflowsOptions, signal: AbortSignal): Promise<never> {
  const { ingest, clock, log } = options;
  const sleep = createSleepUntilCommit({ ingest, clock }, 1_000);
  const yieldToEventLoop = createEventLoopYield();
  const backoff = createBackoff(clock, { firstMs: firstPauseMs, longestMs: longestPauseMs });
  const isDue = ({ key }: Repo): boolean => backoff.dueAt(key) <= clock.now();
  const nextOldFailures = createOldFailures(ingest);
  /** Version of the state in which a repo had no missing workflows, by key of the repo. */
  const done = new Map<number, number>();
  const next = async (): Promise<PipelinesToRead | null> => {
    for (;;) {
      const repo = nextRepo(ingest, (one) => done.get(one.key) !== ingest.state.version && isDue(one));
      if (!repo) return nextOldFailures(isDue, readsPerSecond);
      const numbers = await ingest.read((rows) =>
        rows.pipelines.unread(repo.key, repo.horizon ?? 0, readsPerSecond),
      );
      if (numbers.length > 0) return { repo, numbers };
      done.set(repo.key, ingest.state.version);
      await yieldToEventLoop();
    }
  };
  for (;;) {
    signal.throwIfAborted();
    const some = await recover(next(), StoreUnavailable, () => null);
    if (!some) {
      await sleep(longestSleepMs, signal);
      continue;
    }
    const startedAt = clock.now();
    const { repo, numbers } = some;
    try {
      await readSome(options, repo, numbers, signal);
      backoff.noteSuccess(repo.key);
    } catch (error) {
      signal.throwIfAborted();
      log.debug('Workflows of older pipelines cannot be read; will try again', {
        repo: repo.fullName,
        error: describeError(error),
      });
      backoff.noteFailure(repo.key);
    }
    const passed = clock.now() - startedAt;
    await clock.sleep(Math.max(0, 1_000 - passed), signal);
  }
}

/** The repo with the newest pipeline to read; `null`: there is none. */
function nextRepo(ingest: Ingest, isDue: (repo: Repo) => boolean): RepoWithId | null {
  const { state } = ingest;
  let next: { readonly repo: RepoWithId; readonly at: number } | null = null;
  for (const [key, at] of state.unread) {
    const repo = state.repos.get(state.pairs.get(key)?.repo ?? 0);
    if (!repo?.revealed || at <= (repo.horizon ?? 0)) continue;
    if (!isWatchedRepo(ingest, repo) || !isDue(repo)) continue;
    if (!next || at > next.at) next = { repo, at };
  }
  return next?.repo ?? null;
}

async function readSome(
  { ingest, client, clock }: ReadWorkflowsOptions,
  { key, woodpeckerId: repoId }: RepoWithId,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const read = await Promise.all(
    numbers.map((number) => recover(client.pipeline(repoId, number, signal), NotFound, () => null)),
  );
  // Woodpecker also answers 404 if the token's user may not see the repo. This request then fails.
  if (read.includes(null)) await client.repo(repoId, signal);
  const receivedAt = nowSeconds(clock);
  const pipelines = numbers.map((number, index) => {
    const wire = read[index];
    return { number, record: wire ? toWholeRecord(wire, receivedAt) : null };
  });
  await ingest.submit({ kind: 'workflows', repo: key, pipelines });
}
