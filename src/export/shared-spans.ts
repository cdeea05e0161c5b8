/**
 * What several families show of the same series is worked out once, as long as memory allows; else again for each family.
 */

import type { Span } from '../core/series/history-replay.ts';

export type Spans<Sample> = () => AsyncIterable<Span<Sample>>;

export interface SharedSpans {
  /** `weigh`: about how many numbers a sample holds. */
  share<Sample>(spans: Spans<Sample>, weigh: (sample: Sample) => number): Spans<Sample>;
}

/** About 8 bytes each. */
const mostNumbers = 8_000_000;
/** Of a span without its sample. */
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

/** The same spans with what `map` makes of their samples. */
export function mapSpans<A, B>(spans: Spans<A>, map: (sample: A) => B): Spans<B> {
  return async function* () {
    for await (const { from, until, sample } of spans()) {
      yield { from, until, sample: sample === null ? null : map(sample) };
    }
  };
}
