import { describe, expect, it } from 'vitest';
import { coalesce } from '../../src/util/coalesce.ts';

/** Work that a test lets go, run by run. */
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
  it('gives all who call in one turn the result of one run', async () => {
    const { runs, join } = createRuns();
    const calls = [join(), join(), join()];
    await turn();
    runs[0]?.resolve(1);
    expect(await Promise.all(calls)).toEqual([1, 1, 1]);
    expect(runs.length).toBe(1);
  });

  it('gives who calls while one runs the result of the next, which begins when that one is over', async () => {
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

  it('goes on after a run that failed, which fails for those alone who waited for it', async () => {
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
