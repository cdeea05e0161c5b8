import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeSorted } from '../../src/export/merge-sorted.ts';

/** A stream that records how many slices were requested, and whether it was ended. */
function source(slices: readonly (readonly number[])[]) {
  const seen = { asked: 0, isEnded: false };
  async function* stream(): AsyncGenerator<readonly number[]> {
    try {
      for (const slice of slices) {
        seen.asked++;
        yield slice;
      }
    } finally {
      seen.isEnded = true;
    }
  }
  return { seen, stream: stream() };
}

async function all(merged: AsyncIterable<readonly number[]>): Promise<number[]> {
  const found: number[] = [];
  for await (const slice of merged) found.push(...slice);
  return found;
}

const ascending = (a: number, b: number) => a - b;

describe('sorted streams', () => {
  it('merge into one sorted stream, whatever their slices', async () => {
    const anySorted = fc.array(fc.integer({ min: 0, max: 50 })).map((values) => values.sort(ascending));
    const anySliced = fc
      .tuple(anySorted, fc.integer({ min: 1, max: 5 }))
      .map(([values, size]) =>
        Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
          values.slice(index * size, (index + 1) * size),
        ),
      );
    await fc.assert(
      fc.asyncProperty(fc.array(anySliced, { maxLength: 6 }), async (sources) => {
        const merged = await all(
          mergeSorted(
            sources.map((slices) => source(slices).stream),
            ascending,
          ),
        );
        expect(merged).toEqual(sources.flat(2).sort(ascending));
      }),
    );
  });

  it('are read no further than needed, and end when their reader stops', async () => {
    const long = Array.from({ length: 100 }, (_, slice) =>
      Array.from({ length: 100 }, (_, i) => slice * 100 + i),
    );
    const sources = [source(long), source(long)];
    for await (const slice of mergeSorted(
      sources.map(({ stream }) => stream),
      ascending,
    )) {
      expect(slice.length).toBe(1000);
      break;
    }
    for (const { seen } of sources) {
      expect(seen.asked).toBeLessThan(8);
      expect(seen.isEnded).toBe(true);
    }
  });
});
