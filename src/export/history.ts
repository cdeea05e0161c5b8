/**
 * The figures of the past as OpenMetrics text with times, for Prometheus to take in: what `/metrics` would have shown at
 * each moment, had the exporter run then and known what it knows now.
 *
 * Guarantees: the series are those that are scraped now, under the same names and labels; each has a sample at every
 * multiple of the step and at every change, so that what was shown at any moment is told by the last sample before it.
 * No counter falls, and where the text reaches up to now, each ends at what is scraped. A series begins at 0, just before
 * its first deployment. Families share what a series showed as long as memory allows; else deployments are read again
 * for each family, so that memory does not grow with history.
 */

import type { IntakeMode } from '../ingest/ingest-options.ts';
import { isUpToDate } from '../ingest/load-state.ts';
import { openMetricsEnd, openMetricsHeader, pointAt, toPoint } from '../metrics/openmetrics.ts';
import { StoreUnusable, type Transaction } from '../store/store.ts';
import { type Chapter, planHistory } from './plan.ts';

export interface HistoryRequest {
  /** Unix seconds; `to` itself is left out, so that one export goes on where another ended. */
  readonly from: number;
  readonly to: number;
  /** Between the two, in order: where another text begins. */
  readonly cuts: readonly number[];
  readonly stepSeconds: number;
  /** Put on every series: what Prometheus puts on those that it scrapes. */
  readonly labels: Readonly<Record<string, string>>;
  readonly withWindows: boolean;
}

export interface HistoryProgress {
  /** From 0 to 1. */
  readonly share: number;
  readonly series: number;
  readonly samples: number;
}

/** About how many characters a piece has. */
const pieceLength = 64 * 1024;
/** About how many samples a set of labels has at a time, by the type of its family. */
const usualSamples = { counter: 1, gauge: 1, summary: 2, histogram: 12 };

/**
 * Writes the texts piece by piece, each told by its place; `write` is called again once what it returned has fulfilled.
 * The transaction must last until then. Rejects with `StoreUnusable` where the store was last used under another policy
 * or by another version.
 */
export async function exportHistory(
  tx: Transaction,
  mode: IntakeMode,
  request: HistoryRequest,
  write: (text: number, piece: string) => Promise<unknown>,
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
  const flush = async (text: number): Promise<void> => {
    const piece = pieces[text] ?? '';
    pieces[text] = '';
    await write(text, piece);
  };

  for (const { family, sections } of chapters) {
    for (const text of pieces.keys()) pieces[text] += openMetricsHeader(family);
    for (const { begin, spans } of sections) {
      let text = 0;
      let widest = 0;
      let latest = '';
      for await (const { from, until, sample } of spans()) {
        const values = sample ?? [];
        const point = toPoint(family.name, values, labels);
        const isNews = point.join() !== latest;
        latest = point.join();
        if (values.length === 0) continue;
        widest = Math.max(widest, values.length);
        let at = isNews || from % stepSeconds === 0 ? from : nextOnGrid(from);
        for (; at < until; at = nextOnGrid(at)) {
          while (at >= (ends[text] ?? to)) text++;
          pieces[text] += pointAt(point, at);
          samples += values.length;
          if ((pieces[text]?.length ?? 0) < pieceLength) continue;
          await flush(text);
          const share = (done + usualSamples[family.type] * (at - begin)) / effort;
          onProgress({ share, series: series + widest, samples });
        }
      }
      series += widest;
      done += usualSamples[family.type] * (to - begin);
    }
  }
  for (const text of pieces.keys()) {
    pieces[text] += openMetricsEnd;
    await flush(text);
  }
  onProgress({ share: 1, series, samples });
}

/** In a unit of its own. */
function effortOf(chapters: readonly Chapter[], to: number): number {
  return chapters.reduce(
    (sum, { family, sections }) =>
      sections.reduce((part, { begin }) => part + usualSamples[family.type] * (to - begin), sum),
    0,
  );
}
