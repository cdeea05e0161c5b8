/**
 * Keeps the spans of a series, so that several families can use them. Above a limit of memory, spans are not kept, and are
 * computed again for each family.
 */

import type { Span } from '../core/series/history-replay.ts';

export type Spans<Sample> = () => AsyncIterable<Span<Sample>>;

export interface SharedSpans {
  /** Returns the same spans, kept after the first complete read. `weigh`: approximate number of numbers in a sample. */
  share<Sample>(spans: Spans<Sample>, weigh: (sample: Sample) => number): Spans<Sample>;
}

/** Most numbers in kept spans; a number takes about 8 bytes. */
const mostNumbers = 8_000_000;
/** Weight of a span without its sample, in numbers. */
const spanWeight = 10;

export function createSharedSpans(): SharedSpans {
  let left = mostNumbers;
  return {
    share<Sample>(spans: Spans<Sample>, weigh: (sample: Sample) => number): Spans<Sample> {
      let kept: readonly Span<Sample>[] | null = null;
      return async function* () {
        if (kept) {
          yield* kept;
          return;
        }
        const found: Span<Sample>[] = [];
        let weight = 0;
        for await (const span of spans()) {
          yield span;
          weight += spanWeight + (span.sample === null ? 0 : weigh(span.sample));
          if (weight <= left) found.push(span);
          else found.length = 0;
        }
        if (weight > left) return;
        left -= weight;
        kept = found;
      };
    },
  };
}

/** The same spans with mapped samples. */
export function mapSpans<A, B>(spans: Spans<A>, map: (sample: A) => B): Spans<B> {
  return async function* () {
    for await (const { from, until, sample } of spans()) {
      yield { from, until, sample: sample === null ? null : map(sample) };
    }
  };
}
