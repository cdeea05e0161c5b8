/** Adopts policies in the background, one at a time. A new one replaces one that is still being adopted. */

import type { Policy } from '../core/policy.ts';
import type { Clock } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { type Ingest, StoreUnavailable } from './ingest.ts';
import { logWhatCounts } from './operator-log.ts';

export interface PolicySwitch {
  /** Adopts a policy, even if it equals the active one. */
  adopt(policy: Policy): void;
  /** Number of repos that are prepared for the next policy; `null`: there is none. */
  readonly progress: AdoptionProgress | null;
  /** Fulfils once no policy is being adopted. */
  idle(): Promise<void>;
  /** Stops the adoption; the active policy stays, and prepared rows are kept for the next start. */
  stop(): Promise<void>;
}

export interface AdoptionProgress {
  readonly done: number;
  readonly of: number;
}

export interface PolicySwitchOptions {
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once a policy is active. */
  readonly onAdopted: (policy: Policy) => void;
}

const retryMs = 10_000;
const logEveryMs = 10_000;

export function createPolicySwitch({ ingest, clock, log, onAdopted }: PolicySwitchOptions): PolicySwitch {
  let running: { readonly abort: AbortController; readonly done: Promise<void> } | null = null;
  let progress: AdoptionProgress | null = null;

  const adoptOnce = async (policy: Policy, signal: AbortSignal): Promise<void> => {
    let logAt = clock.now() + logEveryMs;
    const tiers = await ingest.adopt(
      { ...ingest.mode, policy },
      {
        signal,
        onProgress(repos) {
          progress = repos;
          if (clock.now() < logAt) return;
          logAt = clock.now() + logEveryMs;
          log.info('The policy is being adopted; figures stay as they are until then', {
            repos: `${repos.done}/${repos.of}`,
          });
        },
      },
    );
    onAdopted(policy);
    log.info('The policy is active');
    logWhatCounts(log, ingest.state, tiers);
  };
  const untilAdopted = async (policy: Policy, signal: AbortSignal): Promise<void> => {
    for (;;) {
      try {
        await adoptOnce(policy, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StoreUnavailable)) {
          log.error('The policy cannot be adopted, the old one stays', { error: describeError(error) });
          return;
        }
        log.warn('The policy cannot be adopted now; will try again', { error: describeError(error) });
        await clock.sleep(retryMs, signal).catch(() => undefined);
      }
    }
  };
  const stop = async (): Promise<void> => {
    running?.abort.abort();
    await running?.done;
  };
  return {
    get progress() {
      return progress;
    },
    adopt(policy) {
      const before = stop();
      const abort = new AbortController();
      const done = before
        .then(() => untilAdopted(policy, abort.signal))
        .finally(() => {
          if (running?.abort !== abort) return;
          running = null;
          progress = null;
        });
      running = { abort, done };
    },
    async idle() {
      while (running) await running.done;
    },
    stop,
  };
}
