/** Writes the samples of one metric as text, and only anew what has changed since. */

import { constants, inflateRawSync } from 'node:zlib';
import { type Metric, Registry } from 'prom-client';
import type { Family, Value } from './families.ts';
import { type CompressedText, compressText } from './gzip.ts';

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
  const { valuesOf } = family;
  const render = createRenderer(family);
  let written: readonly Written<Sample>[] = [];

  const writeWhole = async (samples: readonly Sample[], hasHeader: boolean): Promise<Written<Sample>> => {
    const values = samples.map(valuesOf);
    const text = await render(values.flat());
    return {
      samples,
      lines: Uint16Array.from(values, ({ length }) => length),
      text: await compressText(hasHeader ? text : withoutHeader(text)),
    };
  };
  /** `null`: too much has changed. */
  const writeChanges = async (
    known: Written<Sample>,
    samples: readonly Sample[],
    headerLines: number,
  ): Promise<Written<Sample> | null> => {
    if (samples.length !== known.samples.length) return null;
    const changed = new Map<number, readonly Value[]>();
    let differs = 0;
    for (const [place, sample] of samples.entries()) {
      const before = known.samples[place] as Sample;
      if (sample === before) continue;
      if (++differs > samples.length * fewChanges) return null;
      const values = valuesOf(sample);
      if (!areSame(valuesOf(before), values)) changed.set(place, values);
    }
    if (changed.size === 0) return { ...known, samples };
    const lines = known.lines.slice();
    const before = linesOf(known.text);
    const after: string[] = before.slice(0, headerLines);
    let next = headerLines;
    for (const [place, count] of known.lines.entries()) {
      const values = changed.get(place);
      if (values) {
        lines[place] = values.length;
        after.push(
          ...withoutHeader(await render(values))
            .split('\n')
            .slice(0, -1),
        );
      } else {
        for (let line = next; line < next + count; line++) after.push(before[line] as string);
      }
      next += count;
    }
    return { samples, lines, text: await compressText(after.map((line) => `${line}\n`).join('')) };
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
      const changed = known ? await writeChanges(known, chunk, hasHeader ? headerLines : 0) : null;
      next.push(changed ?? (await writeWhole(chunk, hasHeader)));
      await yieldToEventLoop();
    }
    written = next;
    return next.map(({ text }) => text);
  };
}

/** HELP and TYPE. */
const headerLines = 2;

/** A registry that holds one family as a collector of constant values: prom-client accepts any object of this form. */
function createRenderer<Sample>({
  name,
  help,
  type,
}: Family<Sample>): (values: readonly Value[]) => Promise<string> {
  let shown: readonly Value[] = [];
  const collect = async () => ({ name, help, type, aggregator: 'sum', values: shown });
  const registry = new Registry();
  registry.registerMetric({ name, help, type, aggregator: 'sum', get: collect } as unknown as Metric);
  return (values) => {
    shown = values;
    return registry.metrics();
  };
}

/** Samples alone: the lines after HELP and TYPE. */
function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n# TYPE ') + 1) + 1);
}

/** Without the end of the last line. */
function linesOf({ deflated }: CompressedText): string[] {
  const text = inflateRawSync(deflated, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
  return text.split('\n').slice(0, -1);
}

function areSame(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, index) => isSame(value, b[index]));
}

function isSame(a: Value, b: Value | undefined): boolean {
  if (b === undefined || !Object.is(a.value, b.value) || a.metricName !== b.metricName) return false;
  const labels = Object.entries(a.labels);
  return (
    labels.length === Object.keys(b.labels).length &&
    labels.every(([name, label]) => b.labels[name] === label)
  );
}
