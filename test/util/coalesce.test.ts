import { describe, expect, it } from 'vitest';
import { coalesce } from '../../src/util/coalesce.ts';

/** Work whose runs the test ends one by one. */
function createRuns() {
  const runs: PromiseWithResolvers<number>[] = [];
  const join = coalesce(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  return { runs, join };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('coalesce', () => {
  it('gives all calls of one turn the result of one run', async () => {
    const { runs, join } = createRuns();
    const calls = [join(), join(), join()];
    await turn();
    runs[0]?.resolve(1);
    expect(await Promise.all(calls)).toEqual([1, 1, 1]);
    expect(runs.length).toBe(1);
  });

  it('gives the calls during a run the result of the next run, which begins after it', async () => {
    const { runs, join } = createRuns();
    const early = join();
    await turn();
    const late = [join(), join()];
    await turn();
    expect(runs.length).toBe(1);
    runs[0]?.resolve(1);
    expect(await early).toBe(1);
    await turn();
    runs[1]?.resolve(2);
    expect(await Promise.all(late)).toEqual([2, 2]);
    expect(runs.length).toBe(2);
  });

  it('continues after a failed run, and rejects only the calls that waited for it', async () => {
    const { runs, join } = createRuns();
    const early = join();
    await turn();
    const late = join();
    runs[0]?.reject(new Error('Broken'));
    await expect(early).rejects.toThrow('Broken');
    await turn();
    runs[1]?.resolve(2);
    expect(await late).toBe(2);
  });
});
