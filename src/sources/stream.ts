/**
 * Stores the events of Woodpecker's stream as they arrive.
 *
 * Messages may be unordered or stale: the merge of records decides, not the order of arrival. The server does not repeat
 * events that it sent while there was no connection: they must be read over REST after `onSubscribed`. Guarantees:
 * reconnects until it is aborted, after growing pauses of random length.
 */

import { isWatched } from '../core/classification.ts';
import { isEnded } from '../core/pipeline.ts';
import { followKey } from '../core/poll-schedule.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { nowSeconds } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { recover } from '../util/recover.ts';
import { Unavailable } from '../woodpecker/client.ts';
import type { StreamItem } from '../woodpecker/event-stream.ts';
import { toRecord, toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireEvent } from '../woodpecker/wire.ts';
import type { Dependencies } from './dependencies.ts';
import { refuseReplaced, WoodpeckerReplaced } from './repo-discovery.ts';
import { toEventResult } from './store-page.ts';

export interface EventStream {
  /** Runs until aborted, then rejects with the signal's reason. Rejects earlier with `WoodpeckerReplaced`. */
  run(signal: AbortSignal): Promise<never>;
  /** Reconnects: a connection shows only the repos that existed when it was opened. */
  reconnect(): void;
  readonly isConnected: boolean;
  /** The problem, as logged, if Woodpecker has been up without the stream for five minutes; else `null`. */
  readonly trouble: string | null;
  /** Whether the current connection has reported this unfinished pipeline. */
  hasReported(repoId: number, number: number): boolean;
}

export interface StreamOptions extends Dependencies {
  readonly open: (signal: AbortSignal) => AsyncIterable<readonly StreamItem[]>;
  readonly onConnected: (isConnected: boolean) => void;
  /** Time when Woodpecker last accepted the token, in Unix milliseconds. */
  readonly tokenValidAt: () => number;
  /** Called one second after a connection is open: the server then surely sends all events. Read earlier ones over REST. */
  readonly onSubscribed: () => void;
  /** Called once for each unknown repo in the stream that the policy watches. `id`: Woodpecker's. */
  readonly onUnknownRepo: (id: number) => void;
  readonly random?: () => number;
}

const subscribedAfterMs = 1_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** A connection that lasts this long ends an outage. The pause after it is short again. */
const stableAfterMs = 60_000;
/** A warning is logged after an outage of this length. Restarts of the server and time-outs of proxies are shorter. */
const troubledAfterMs = 5 * 60_000;
const trouble =
  'Event stream does not stay open, so ends appear only after reconciliation: make sure that no proxy before Woodpecker buffers or cuts /api/stream/events';
const mostRemembered = 10_000;
/** An open stream outlives its token, so the token is checked this often if no other request does. */
const tokenCheckMs = 10 * 60_000;

export function createEventStream(options: StreamOptions): EventStream {
  const {
    ingest,
    client,
    open,
    clock,
    log,
    onEvent,
    onConnected,
    onSubscribed,
    random = Math.random,
  } = options;
  let isConnected = false;
  /** Start of the stream's outage while Woodpecker is up, in Unix milliseconds; `null`: there is no such outage. */
  let outageSince: number | null = clock.now();
  let isTroubled = false;
  let connection = new AbortController();
  /** Keys of the unfinished pipelines that the current connection has reported. */
  const reported = new Set<string>();
  /** Woodpecker's ids of the unknown repos that were passed to `onUnknownRepo`. */
  const lookedFor = new Set<number>();

  const setConnected = (next: boolean): void => {
    if (!next) reported.clear();
    if (next === isConnected) return;
    isConnected = next;
    onConnected(next);
  };
  const noteStable = (): void => {
    outageSince = null;
    if (isTroubled) log.info('Event stream stays open again');
    isTroubled = false;
  };
  const noteEnd = (isAtFault: boolean, reason: string): void => {
    // An outage of Woodpecker or the store is logged by its own health check.
    if (!isAtFault) outageSince = null;
    else if (outageSince === null) outageSince = clock.now();
    else if (!isTroubled && clock.now() - outageSince >= troubledAfterMs) {
      isTroubled = true;
      log.warn(trouble, { reason });
    }
  };

  /** The stream contains every public repo of the server. Ours are the repos of the token's lists. */
  const isOurs = (wireRepo: WireEvent['repo']): boolean => {
    const { id, full_name: name } = wireRepo;
    if (!id || !isWatched(ingest.mode.policy, name)) return false;
    const known = ingest.state.repoById(id);
    // An event does not mean that a repo is back: its last pipelines may end after its deactivation.
    if (known) return !known.isGone;
    // A repo that the token's user may only read is in no list: request it only once.
    if (!lookedFor.has(id) && lookedFor.size < mostRemembered) {
      lookedFor.add(id);
      options.onUnknownRepo(id);
    }
    return false;
  };

  const storeEvent = async ({ repo: wireRepo, pipeline: wire }: WireEvent): Promise<void> => {
    if (!isOurs(wireRepo)) {
      onEvent('stream', 'ignored');
      return;
    }
    refuseReplaced(ingest.state, wireRepo);
    const receivedAt = nowSeconds(clock);
    // The message may be late: its name of the repo is as old as the pipeline's update.
    const repo = toRepoFacts(wireRepo, wire.updated - ingest.state.clockAhead);
    const record = toRecord(wire, 'other', receivedAt);
    onEvent('stream', toEventResult(await ingest.submit({ kind: 'report', repo, record })));
    if (!wireRepo.id) return;
    const key = followKey({ target: wireRepo.id, number: wire.number });
    if (isEnded(wire.status)) reported.delete(key);
    else if (reported.size < mostRemembered) reported.add(key);
  };

  const handleItem = async (item: StreamItem): Promise<void> => {
    if (item.kind === 'event') await storeEvent(item.event);
    else if (item.kind === 'unreadable') onEvent('stream', 'rejected');
  };

  /** Rejects when aborted, or with `Unauthorized` if Woodpecker refuses the token. */
  const watchToken = async (signal: AbortSignal): Promise<never> => {
    for (;;) {
      await clock.sleep(Math.max(options.tokenValidAt() + tokenCheckMs - clock.now(), 1_000), signal);
      if (clock.now() - options.tokenValidAt() < tokenCheckMs) continue;
      await recover(client.user(signal), Unavailable, () => null);
    }
  };

  /**
   * Reads the stream until the connection ends. Calls `onAnswer` if Woodpecker answers over REST. Rejects as client, stream
   * and store do.
   */
  const listen = async (signal: AbortSignal, onAnswer: () => void): Promise<void> => {
    // With a bad token the stream answers 200 and sends no events: only this request fails.
    await client.user(signal);
    onAnswer();
    watchToken(signal).catch((error) => connection.abort(error));
    for await (const items of open(signal)) {
      if (!isConnected) {
        setConnected(true);
        clock.sleep(subscribedAfterMs, signal).then(onSubscribed, () => undefined);
        clock.sleep(stableAfterMs, signal).then(noteStable, () => undefined);
      }
      await Promise.all(items.map(handleItem));
    }
  };

  return {
    get isConnected() {
      return isConnected;
    },
    get trouble() {
      return isTroubled ? trouble : null;
    },
    hasReported: (repoId, number) => reported.has(followKey({ target: repoId, number })),
    reconnect: () => connection.abort(new Error('A new connection shows more repos')),
    async run(signal) {
      let pauseMs = firstPauseMs;
      for (;;) {
        connection = new AbortController();
        const { signal: ended } = connection;
        const began = clock.now();
        let reason = 'ended by the server';
        let hasAnswered = false;
        let isAtFault = true;
        try {
          await listen(AbortSignal.any([signal, ended]), () => {
            hasAnswered = true;
          });
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof WoodpeckerReplaced) throw error;
          reason = describeError(error);
          isAtFault = !(error instanceof StoreUnavailable);
        }
        connection.abort(new Error('The connection has ended'));
        setConnected(false);
        log.debug('Event stream ended; connecting again', { reason });
        noteEnd(hasAnswered && isAtFault, reason);
        pauseMs = clock.now() - began > stableAfterMs ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs);
        await clock.sleep(pauseMs * (0.5 + random() / 2), signal);
      }
    },
  };
}
