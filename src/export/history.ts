/**
 * Writes the figures of the past as OpenMetrics text with timestamps, so that Prometheus can import them: the values that
 * `/metrics` would have had at each time if the exporter had run then with today's knowledge.
 *
 * Guarantees: the text has the same series as a scrape has now, with the same names and labels. A series has a sample at
 * every multiple of the step and at every change, so its value at any time is the last sample before. Counters never fall.
 * If the text ends now, each counter ends at the value of a scrape. A series begins at 0, just before its first deployment.
 * Memory does not grow with the history: `shared-spans.ts` bounds it.
 */

import type { IntakeMode } from '../ingest/ingest-options.ts';
import { isUpToDate } from '../ingest/load-state.ts';
import { openMetricsEnd, openMetricsHeader, pointAt, toPoint } from '../metrics/openmetrics.ts';
import { StoreUnusable, type Transaction } from '../store/store.ts';
import { type Chapter, planHistory } from './plan.ts';

export interface HistoryRequest {
  /** Unix seconds. No sample is at `to` itself, so that the next export can begin there. */
  readonly from: number;
  readonly to: number;
  /** Times between `from` and `to`, in order. A new text begins at each. */
  readonly cuts: readonly number[];
  readonly stepSeconds: number;
  /** Labels that Prometheus adds to every series at a scrape. */
  readonly labels: Readonly<Record<string, string>>;
  readonly withWindows: boolean;
}

export interface HistoryProgress {
  /** Share of the work that is done, from 0 to 1. */
  readonly share: number;
  /** Number of series so far. */
  readonly series: number;
  /** Number of samples so far. */
  readonly samples: number;
}

/** Approximate number of characters in a piece. */
const pieceLength = 64 * 1024;
/** Approximate number of samples of a set of labels at one time, by the type of its family. */
const usualSamples = { counter: 1, gauge: 1, summary: 2, histogram: 12 };

/**
 * Writes one text, and one more for each cut, in pieces. `write` gets the index of the text, and is called again when its
 * promise has fulfilled. The transaction must stay open until this function fulfils. Rejects with `StoreUnusable` if another
 * policy or another version was the last to use the store, and as `write` does.
 */
export async function exportHistory(
  tx: Transaction,
  mode: IntakeMode,
  request: HistoryRequest,
  write: (textIndex: number, piece: string) => Promise<unknown>,
  onProgress: (progress: HistoryProgress) => void = () => undefined,
): Promise<void> {
  if (!(await isUpToDate(tx, mode.policy))) {
    throw new StoreUnusable(
      'The database was last used under another policy or by another version: start the exporter once with these settings',
    );
  }
  const { to, cuts, stepSeconds, labels } = request;
  const chapters = await planHistory(tx, mode, request);
  const effort = effortOf(chapters, to);
  const ends = [...cuts, to];
  const pieces = ends.map(() => '');
  let done = 0;
  let series = 0;
  let samples = 0;
  const nextOnGrid = (at: number) => (Math.floor(at / stepSeconds) + 1) * stepSeconds;
  const flush = async (textIndex: number): Promise<void> => {
    const piece = pieces[textIndex] ?? '';
    pieces[textIndex] = '';
    await write(textIndex, piece);
  };

  for (const { family, sections } of chapters) {
    for (const textIndex of pieces.keys()) pieces[textIndex] += openMetricsHeader(family);
    for (const { begin, spans } of sections) {
      let textIndex = 0;
      let widest = 0;
      let latest = '';
      for await (const { from, until, sample } of spans()) {
        const values = sample ?? [];
        const point = toPoint(family.name, values, labels);
        const hasChanged = point.join() !== latest;
        latest = point.join();
        if (values.length === 0) continue;
        widest = Math.max(widest, values.length);
        let at = hasChanged || from % stepSeconds === 0 ? from : nextOnGrid(from);
        for (; at < until; at = nextOnGrid(at)) {
          while (at >= (ends[textIndex] ?? to)) textIndex++;
          pieces[textIndex] += pointAt(point, at);
          samples += values.length;
          if ((pieces[textIndex]?.length ?? 0) < pieceLength) continue;
          await flush(textIndex);
          const share = (done + usualSamples[family.type] * (at - begin)) / effort;
          onProgress({ share, series: series + widest, samples });
        }
      }
      series += widest;
      done += usualSamples[family.type] * (to - begin);
    }
  }
  for (const textIndex of pieces.keys()) {
    pieces[textIndex] += openMetricsEnd;
    await flush(textIndex);
  }
  onProgress({ share: 1, series, samples });
}

/** The total work, for `HistoryProgress.share`: approximate samples times seconds. */
function effortOf(chapters: readonly Chapter[], to: number): number {
  return chapters.reduce(
    (sum, { family, sections }) =>
      sections.reduce((part, { begin }) => part + usualSamples[family.type] * (to - begin), sum),
    0,
  );
}
