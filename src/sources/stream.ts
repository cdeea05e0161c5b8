/**
 * The events of Woodpecker's stream, stored as they arrive.
 *
 * Messages may be unordered or stale: the merge of records decides, not the order of arrival. The server does not repeat
 * what it sent while nobody listened: after `onStanding`, it must be read over REST. Guarantees: reconnects, after growing,
 * jittered pauses, until it is aborted.
 */

import { isWatched } from '../core/classification.ts';
import { isEnded } from '../core/pipeline.ts';
import { followKey } from '../core/poll-schedule.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { Unavailable, type WoodpeckerClient } from '../woodpecker/client.ts';
import type { StreamItem } from '../woodpecker/event-stream.ts';
import { toRecord, toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireEvent } from '../woodpecker/wire.ts';
import type { EventResult, SourceDependencies } from './event-labels.ts';
import { refuseReplaced, WoodpeckerReplaced } from './repo-discovery.ts';
import { toEventResult } from './store-page.ts';

export interface EventStream {
  /** Runs until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** Reconnects: a connection shows only the repos that existed when it was opened. */
  reconnect(): void;
  readonly isConnected: boolean;
  /** A problem that has lasted for long, as logged; `null`: there is none. */
  readonly trouble: string | null;
  /** Whether the current connection has reported this unfinished pipeline. */
  hasToldOf(repoId: number, number: number): boolean;
}

export interface StreamOptions extends SourceDependencies {
  readonly client: WoodpeckerClient;
  readonly open: (signal: AbortSignal) => AsyncIterable<readonly StreamItem[]>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onConnected: (isConnected: boolean) => void;
  /** When Woodpecker last accepted the token, in Unix milliseconds. */
  readonly tokenValidAt: () => number;
  /** Called when the subscription certainly works. Earlier events must be read over REST. */
  readonly onStanding: () => void;
  /** Called once for each unknown repo in the stream. `id`: Woodpecker's. */
  readonly onUnknownRepo: (id: number) => void;
  readonly random?: () => number;
}

const standsAfterMs = 1_000;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** After a connection that lasted this long, the next pause is short again. */
const goodAfterMs = 60_000;
/** Restarts of the server and time-outs of proxies end connections: only a longer outage deserves a warning. */
const troubledAfterMs = 5 * 60_000;
const trouble =
  'Event stream does not stand, so ends show only once reconciled: see that nothing before Woodpecker buffers or cuts /api/stream/events';
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
    onStanding,
    random = Math.random,
  } = options;
  let isConnected = false;
  /** Start of the stream's outage while Woodpecker is up, in Unix milliseconds; `null` if connected. */
  let wantingSince: number | null = clock.now();
  let isTroubled = false;
  let connection = new AbortController();
  const told = new Set<string>();
  const lookedFor = new Set<number>();

  const setConnected = (next: boolean): void => {
    if (!next) told.clear();
    if (next === isConnected) return;
    isConnected = next;
    onConnected(next);
  };
  const noteStanding = (): void => {
    wantingSince = null;
    if (isTroubled) log.info('Event stream stands again');
    isTroubled = false;
  };
  const noteEnd = (isAtFault: boolean, reason: string): void => {
    // If Woodpecker is down or the store fails, their health checks log it.
    if (!isAtFault) wantingSince = null;
    else if (wantingSince === null) wantingSince = clock.now();
    else if (!isTroubled && clock.now() - wantingSince >= troubledAfterMs) {
      isTroubled = true;
      log.warn(trouble, { reason });
    }
  };

  /** The stream contains every public repo of the server; ours are the ones that a list contains. */
  const isOurs = (wireRepo: WireEvent['repo']): boolean => {
    const { id, full_name: name } = wireRepo;
    if (!id || !isWatched(ingest.mode.policy, name)) return false;
    const known = ingest.state.repoById(id);
    // Only a list brings a repo back: its last pipelines may end after its deactivation.
    if (known) return !known.isGone;
    // A repo that we may only read is in no list: one request is enough.
    if (!lookedFor.has(id) && lookedFor.size < mostRemembered) {
      lookedFor.add(id);
      options.onUnknownRepo(id);
    }
    return false;
  };

  const takeEvent = async ({ repo: wireRepo, pipeline: wire }: WireEvent): Promise<void> => {
    if (!isOurs(wireRepo)) {
      onEvent('stream', 'ignored');
      return;
    }
    refuseReplaced(ingest.state, [wireRepo]);
    const receivedAt = nowSeconds(clock);
    const result = await ingest.submit<EventResult>(async (uow) => {
      // Messages may be late: the repo's name is as old as the pipeline's update.
      const updatedAt = wire.updated || wire.updated_at;
      const repo = await uow.repoOf(toRepoFacts(wireRepo, updatedAt - ingest.state.clockAhead));
      return toEventResult(await uow.observe(repo.key, toRecord(wire, 'other', receivedAt), 'live'));
    });
    onEvent('stream', result);
    if (!wireRepo.id) return;
    const key = followKey({ target: wireRepo.id, number: wire.number });
    if (isEnded(wire.status)) told.delete(key);
    else if (told.size < mostRemembered) told.add(key);
  };

  const takeItem = async (item: StreamItem): Promise<void> => {
    if (item.kind === 'event') await takeEvent(item.event);
    else if (item.kind === 'unreadable') onEvent('stream', 'rejected');
  };

  /** Rejects when aborted, or if Woodpecker refuses the token. */
  const watchToken = async (signal: AbortSignal): Promise<never> => {
    for (;;) {
      await clock.sleep(Math.max(options.tokenValidAt() + tokenCheckMs - clock.now(), 1_000), signal);
      if (clock.now() - options.tokenValidAt() < tokenCheckMs) continue;
      await client.user(signal).catch((error: unknown) => {
        if (!(error instanceof Unavailable)) throw error;
      });
    }
  };

  /** Listens until the connection ends. */
  const listen = async (signal: AbortSignal, onAnswer: () => void): Promise<void> => {
    // To a bad token the stream answers 200 and stays silent: only this request shows it.
    await client.user(signal);
    onAnswer();
    watchToken(signal).catch((error) => connection.abort(error));
    for await (const items of open(signal)) {
      if (!isConnected) {
        setConnected(true);
        clock.sleep(standsAfterMs, signal).then(onStanding, () => undefined);
        clock.sleep(goodAfterMs, signal).then(noteStanding, () => undefined);
      }
      await Promise.all(items.map(takeItem));
    }
  };

  return {
    get isConnected() {
      return isConnected;
    },
    get trouble() {
      return isTroubled ? trouble : null;
    },
    hasToldOf: (repoId, number) => told.has(followKey({ target: repoId, number })),
    reconnect: () => connection.abort(new Error('A new connection hears of more repos')),
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
        pauseMs = clock.now() - began > goodAfterMs ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs);
        await clock.sleep(pauseMs * (0.5 + random() / 2), signal);
      }
    },
  };
}
