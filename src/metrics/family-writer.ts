/** Writes the samples of one metric as text, and only anew what has changed since. */

import { constants, inflateRawSync } from 'node:zlib';
import type { Family } from './families.ts';
import { type CompressedText, compressText } from './gzip.ts';
import { headerOf, lineOf } from './sample-line.ts';

/** Samples that are rendered together. */
export type Chunks<Sample> = readonly (readonly Sample[])[];

interface Written<Sample> {
  readonly samples: readonly Sample[];
  /** Number of lines of each sample. */
  readonly lines: Uint16Array;
  readonly text: CompressedText;
}

/** If a larger share of a chunk has changed, the whole chunk is rendered. */
const fewChanges = 1 / 4;

/** The result renders chunks in order; the first one gets the header. Chunks that are the same objects are kept. */
export function createFamilyWriter<Sample>(
  family: Family<Sample>,
  yieldToEventLoop: () => Promise<void>,
): (chunks: Chunks<Sample>) => Promise<readonly CompressedText[]> {
  const { name, valuesOf } = family;
  const header = headerOf(family);
  const linesFor = (sample: Sample): string[] => valuesOf(sample).map((value) => lineOf(name, value));
  let written: readonly Written<Sample>[] = [];

  const writeWhole = (samples: readonly Sample[], hasHeader: boolean): Written<Sample> => {
    const lines = samples.map(linesFor);
    const text = (hasHeader ? header : '') + toText(lines.flat());
    return {
      samples,
      lines: Uint16Array.from(lines, ({ length }) => length),
      text: compressText(text),
    };
  };
  /** `null`: too much has changed. */
  const writeChanges = (
    known: Written<Sample>,
    samples: readonly Sample[],
    headerLines: number,
  ): Written<Sample> | null => {
    if (samples.length !== known.samples.length) return null;
    const changed = new Map<number, readonly string[]>();
    let differs = 0;
    for (const [place, sample] of samples.entries()) {
      const before = known.samples[place] as Sample;
      if (sample === before) continue;
      if (++differs > samples.length * fewChanges) return null;
      const lines = linesFor(sample);
      if (toText(lines) !== toText(linesFor(before))) changed.set(place, lines);
    }
    if (changed.size === 0) return { ...known, samples };
    const lines = known.lines.slice();
    const before = linesOf(known.text);
    const after: string[] = before.slice(0, headerLines);
    let next = headerLines;
    for (const [place, count] of known.lines.entries()) {
      const changedLines = changed.get(place);
      if (changedLines) {
        lines[place] = changedLines.length;
        after.push(...changedLines);
      } else {
        for (let line = next; line < next + count; line++) after.push(before[line] as string);
      }
      next += count;
    }
    return { samples, lines, text: compressText(toText(after)) };
  };

  return async (chunks) => {
    const next: Written<Sample>[] = [];
    for (const [index, chunk] of chunks.entries()) {
      const known = written[index];
      if (known?.samples === chunk) {
        next.push(known);
        continue;
      }
      const hasHeader = index === 0;
      const changed = known ? writeChanges(known, chunk, hasHeader ? headerLines : 0) : null;
      next.push(changed ?? writeWhole(chunk, hasHeader));
      await yieldToEventLoop();
    }
    written = next;
    return next.map(({ text }) => text);
  };
}

/** HELP and TYPE. */
const headerLines = 2;

/** Without the end of the last line. */
function linesOf({ deflated }: CompressedText): string[] {
  const text = inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  return text.split('\n').slice(0, -1);
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
