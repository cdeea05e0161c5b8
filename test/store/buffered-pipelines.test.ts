import { describe, expect, it } from 'vitest';
import { createBufferedPipelines } from '../../src/store/buffered-pipelines.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { PipelineTable } from '../../src/store/store.ts';
import { aRecord, aRepo, aStoredPipeline } from '../support/records.ts';

/** Runs work on a buffered table, and counts the writes to the table itself. */
async function buffered<T>(
  work: (pipelines: ReturnType<typeof createBufferedPipelines>, table: PipelineTable) => Promise<T>,
): Promise<{ result: T; puts: number; credits: number }> {
  const written = { puts: 0, credits: 0 };
  const result = await openMemoryStore().transact(async ({ repos, pipelines: table }) => {
    expect((await repos.add(aRepo())).key).toBe(1);
    const counting: PipelineTable = {
      ...table,
      put(pipeline) {
        written.puts++;
        return table.put(pipeline);
      },
      setCredited(...args) {
        written.credits++;
        return table.setCredited(...args);
      },
    };
    return work(createBufferedPipelines(counting), table);
  });
  return { result, ...written };
}

const one = aStoredPipeline({ record: aRecord({ number: 1 }) });

describe('createBufferedPipelines', () => {
  it('writes a pipeline once if it is put twice and credited', async () => {
    const { result, ...written } = await buffered(async (pipelines, table) => {
      await pipelines.put(one);
      await pipelines.put({ ...one, record: aRecord({ number: 1, status: 'failure' }) });
      await pipelines.setCredited({ repo: 1, number: 1, tier: 'production' }, 3);
      const seen = await pipelines.get(1, 1);
      const before = await table.get(1, 1);
      await pipelines.flush();
      await pipelines.flush();
      return [before, seen, await table.get(1, 1)];
    });
    const expected = aStoredPipeline({ record: aRecord({ number: 1, status: 'failure' }), credited: 3 });
    expect(result).toEqual([null, expected, expected]);
    expect(written).toEqual({ puts: 1, credits: 0 });
  });

  it('credits a stored pipeline at once', async () => {
    const { result, ...written } = await buffered(async (pipelines, table) => {
      await table.put(one);
      await pipelines.setCredited({ repo: 1, number: 1, tier: 'production' }, 3);
      return table.get(1, 1);
    });
    expect(result?.credited.get('production')).toBe(3);
    expect(written).toEqual({ puts: 0, credits: 1 });
  });

  const slices = async (all: AsyncIterable<readonly unknown[]>) => {
    let rows = 0;
    for await (const slice of all) rows += slice.length;
    return rows;
  };
  it.each<[string, (pipelines: PipelineTable) => Promise<unknown>, unknown]>([
    ['all', (table) => slices(table.all()), 1],
    ['deployments', (table) => slices(table.deployments()), 1],
    ['firstCreatedAt', (table) => table.firstCreatedAt(1, aRecord().commit), 1000],
    ['tiersOfCommit', (table) => table.tiersOfCommit(1, aRecord().commit), ['production']],
    ['lowestUpdatedSince', (table) => table.lowestUpdatedSince(1, 0), 1],
    ['outcomes', async (table) => (await table.outcomes(1)).size, 1],
    ['eventCounts', async (table) => (await table.eventCounts()).length, 1],
  ])('lets %s see a pipeline that was put', async (_, read, expected) => {
    const { result } = await buffered(async (pipelines) => {
      await pipelines.put(one);
      return read(pipelines);
    });
    expect(result).toEqual(expected);
  });

  it('writes its buffer before an operation on many pipelines', async () => {
    const { result } = await buffered(async (pipelines) => {
      await pipelines.put({ ...one, isPending: true });
      await pipelines.creditAll(4);
      await pipelines.releasePending(1);
      await pipelines.putChange(
        { repo: 1, number: 1, tier: 'production' },
        { base: null, head: 'a', range: null },
      );
      return pipelines.get(1, 1);
    });
    expect(result?.isPending).toBe(false);
    expect(result?.credited.get('production')).toBe(4);
    expect(result?.changes.get('production')?.head).toBe('a');
  });
});
