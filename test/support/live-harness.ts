/** A harness in simulated time, with a clock that only the test moves. */

import { type FakeWoodpecker, startFakeWoodpecker } from './fake-woodpecker.ts';
import { createHarness, type Harness, type HarnessOptions } from './harness.ts';
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts';

/** Start of simulated time: 2026-06-01. */
export const dawn = 1_780_272_000;

export type LiveHarness = Harness;

export interface LiveOptions extends HarnessOptions {
  readonly clock: SimulatedClock;
  readonly idleMs?: number;
  /** Called after the backfill at start, before its requests are cleared. */
  readonly onCaughtUp?: () => void;
}

/** A fake Woodpecker in simulated time. Its streams ping only if the test does. */
export async function startSimulatedWoodpecker(
  version = '3.17.0',
  /** Seconds by which its clock is ahead. */
  ahead = () => 0,
): Promise<{ clock: SimulatedClock; woodpecker: FakeWoodpecker }> {
  const clock = createSimulatedClock(dawn);
  const now = () => Math.floor(clock.now() / 1000) + ahead();
  const woodpecker = await startFakeWoodpecker({ version, now, pingIntervalMs: 2_000_000_000 });
  return { clock, woodpecker };
}

/** A harness whose backfill at start is done. No loop runs yet. */
export async function createLiveHarness(options: LiveOptions): Promise<LiveHarness> {
  const { clock, woodpecker, idleMs, onCaughtUp } = options;
  /** Simulated time waits for the whole answer; for a stream, until it begins. */
  const fetchInTime: typeof fetch = (input, init) =>
    clock.hold(
      fetch(input, init).then(async (answer) => {
        const { status, headers } = answer;
        const isStream = headers.get('content-type')?.startsWith('text/event-stream');
        return isStream ? answer : new Response(await answer.arrayBuffer(), { status, headers });
      }),
    );
  const connection = { fetch: fetchInTime, random: () => 0.5, ...(idleMs !== undefined && { idleMs }) };
  const harness = await createHarness({ ...options, connection });
  await harness.backfill.atStart();
  harness.events.clear();
  onCaughtUp?.();
  woodpecker.clearRequests();
  return harness;
}
