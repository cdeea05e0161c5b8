/** A harness in simulated time, with a clock that only the test moves. */

import { onTestFinished } from 'vitest';
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

/** A fake Woodpecker in simulated time. Its streams ping only if the test does. Ends with the test. */
export async function startSimulatedWoodpecker(
  version = '3.17.0',
  /** Seconds by which its clock is ahead. */
  ahead = () => 0,
): Promise<{ clock: SimulatedClock; woodpecker: FakeWoodpecker }> {
  const clock = createSimulatedClock(dawn);
  const now = () => Math.floor(clock.now() / 1000) + ahead();
  const woodpecker = await startFakeWoodpecker({ version, now, pingIntervalMs: 2_000_000_000 });
  onTestFinished(() => woodpecker.close());
  return { clock, woodpecker };
}

/** A harness whose backfill at start is done. No loop runs yet. Stops with the test. */
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
  onTestFinished(() => harness.stop());
  await harness.backfill.atStart();
  harness.events.clear();
  onCaughtUp?.();
  woodpecker.clearRequests();
  return harness;
}

export interface Live {
  readonly clock: SimulatedClock;
  readonly woodpecker: FakeWoodpecker;
  readonly harness: LiveHarness;
}

export interface StartOptions extends Partial<LiveOptions> {
  readonly version?: string;
  readonly asAdmin?: boolean;
  /** Fills Woodpecker before the exporter starts; by default with the private repo `acme/shop` of alice's. */
  readonly prepare?: (woodpecker: FakeWoodpecker) => unknown;
}

/** An exporter that has caught up with a simulated Woodpecker. */
export async function startLive(options: StartOptions = {}): Promise<Live> {
  const { version, asAdmin = false, prepare = addMine('acme/shop'), ...others } = options;
  const { clock, woodpecker } = await startSimulatedWoodpecker(version);
  await prepare(woodpecker);
  const token = asAdmin ? { token: woodpecker.adminToken } : {};
  const harness = await createLiveHarness({ clock, woodpecker, ...token, ...others });
  return { clock, woodpecker, harness };
}

/** Adds private repos of alice's. */
export function addMine(...names: readonly string[]): (woodpecker: FakeWoodpecker) => void {
  return (woodpecker) => {
    for (const fullName of names) woodpecker.addRepo({ fullName, private: true, access: { alice: 'push' } });
  };
}

/** Lets time pass while the streams ping. */
export async function passWithPings(
  { clock, woodpecker }: Pick<Live, 'clock' | 'woodpecker'>,
  ms: number,
  pingMs = 30_000,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += pingMs) {
    await clock.pass(Math.min(pingMs, ms - passed));
    woodpecker.streams.writeRaw(': ping\n\n');
  }
  await clock.settle();
}

/** Numbers of the pipelines that were requested one by one, in order. */
export function askedPipelines({ requests }: FakeWoodpecker): readonly number[] {
  return requests.flatMap(({ path }) => /\/pipelines\/(\d+)$/.exec(path)?.[1] ?? []).map(Number);
}
