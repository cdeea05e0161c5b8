import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/metrics/families.ts';
import { createFamilyWriter } from '../../src/metrics/family-writer.ts';
import { toGzip } from '../../src/metrics/gzip.ts';

interface Sample {
  readonly name: string;
  readonly values: readonly number[];
}

const family: Family<Sample> = {
  name: 'some_metric',
  help: 'What it is.',
  type: 'gauge',
  valuesOf: ({ name, values }) =>
    values.map((value, index) => ({
      value,
      labels: { name, index },
      ...(index === 1 && { metricName: 'some_metric_sum' }),
    })),
};
const noYield = async () => undefined;

/** The text of a new writer. */
async function writeAnew(chunks: readonly (readonly Sample[])[]): Promise<string[]> {
  return linesOf(await createFamilyWriter(family, noYield)(chunks));
}

function linesOf(texts: Awaited<ReturnType<ReturnType<typeof createFamilyWriter>>>): string[] {
  return gunzipSync(toGzip(texts))
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}

const anySample = fc.record({
  name: fc.constantFrom('a', 'b', 'a "quoted" one', 'two\nlines', 'ä'),
  values: fc.array(fc.constantFrom(0, 1, 2.5, Number.NaN, Number.POSITIVE_INFINITY), { maxLength: 3 }),
});
const anyChunks = fc.array(fc.array(anySample, { maxLength: 12 }), { minLength: 1, maxLength: 3 });

describe('the writer of a metric', () => {
  it('writes the same text as a new writer, whatever has changed since the last time', async () => {
    const anyChange = fc.record({ chunk: fc.nat(2), place: fc.nat(11), sample: anySample });
    await fc.assert(
      fc.asyncProperty(
        anyChunks,
        fc.array(fc.array(anyChange, { maxLength: 3 }), { maxLength: 5 }),
        anyChunks,
        async (first, steps, last) => {
          const write = createFamilyWriter(family, noYield);
          let chunks: readonly (readonly Sample[])[] = first;
          expect(linesOf(await write(chunks))).toEqual(await writeAnew(chunks));
          for (const changes of steps) {
            for (const { chunk, place, sample } of changes) {
              chunks = chunks.map((samples, index) =>
                index === chunk && place < samples.length ? samples.with(place, sample) : samples,
              );
            }
            expect(linesOf(await write(chunks))).toEqual(await writeAnew(chunks));
          }
          expect(linesOf(await write(last))).toEqual(await writeAnew(last));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reuses the text of chunks with equal samples', async () => {
    const write = createFamilyWriter(family, noYield);
    const samples = Array.from({ length: 20 }, (_, index) => ({ name: `${index}`, values: [index] }));
    const [before] = await write([samples]);
    const [same] = await write([samples.with(7, { name: '7', values: [7] })]);
    const [other] = await write([samples.with(7, { name: '7', values: [8] })]);
    expect(same).toBe(before);
    expect(other).not.toBe(before);
  });
});
