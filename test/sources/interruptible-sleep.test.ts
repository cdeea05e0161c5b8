import { expect, it, onTestFinished } from 'vitest';
import { createSleepUntilCommit } from '../../src/sources/interruptible-sleep.ts';
import { createSimulatedClock } from '../support/simulated-clock.ts';
import { createSmallExporter } from '../support/small-exporter.ts';

async function start() {
  const { ingest } = await createSmallExporter();
  const clock = createSimulatedClock(0);
  const aborter = new AbortController();
  onTestFinished(() => aborter.abort());
  const sleep = createSleepUntilCommit({ ingest, clock }, 100);
  const commit = () => ingest.submit({ kind: 'probe' });
  const wokenAt = (ms: number) => sleep(ms, aborter.signal).then(clock.now);
  return { clock, aborter, commit, wokenAt };
}

it('an interruptible sleep lasts as long as requested if nothing is committed, and never less than the minimum', async () => {
  const { clock, wokenAt } = await start();
  const long = wokenAt(5_000);
  await clock.pass(10_000);
  expect(await long).toBe(5_000);

  const negative = wokenAt(-1);
  await clock.pass(10_000);
  expect(await negative).toBe(10_100);
});

it('an interruptible sleep ends at a commit, even at one that came before the sleep began', async () => {
  const { clock, commit, wokenAt } = await start();
  const disturbed = wokenAt(5_000);
  await clock.pass(1_000);
  await commit();
  await clock.settle();
  expect(await disturbed).toBe(1_000);

  await commit();
  const next = wokenAt(5_000);
  await clock.pass(5_000);
  expect(await next).toBe(1_100);

  const undisturbed = wokenAt(5_000);
  await clock.pass(5_000);
  expect(await undisturbed).toBe(11_000);
});

it('an interruptible sleep rejects with the reason of its abort', async () => {
  const { clock, aborter, wokenAt } = await start();
  const sleep = wokenAt(5_000);
  await clock.pass(1_000);
  aborter.abort(new Error('Enough'));
  await expect(sleep).rejects.toThrow('Enough');
  expect(clock.sleepers).toBe(0);
});
