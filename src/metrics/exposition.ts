/**
 * From samples to the text that Prometheus scrapes.
 *
 * Guarantees: what has not changed since it was last scraped is neither rendered nor compressed again; scrapes that wait
 * share an answer; a sample is written once; none carries a timestamp of its own. A scrape is the figures' part and a small part about the exporter
 * itself, which is asked for each time.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { type Metric, Registry } from 'prom-client';
import { joinNext } from '../core/join-next.ts';
import type { Window } from '../core/policy.ts';
import type { Projected, Projection } from '../core/projection.ts';
import { createQueue } from '../core/queue.ts';
import { type Family, seriesFamilies, tierFamilies } from './families.ts';
import { type CompressedText, compressText, toGzip } from './gzip.ts';

/** Samples rendered in one go: the smaller, the less is rendered again for one that has changed. */
const samplesAtOnce = 100;
/** Longest stretch of rendering before the event loop has its turn, in milliseconds. */
const stretchMs = 10;

const gunzip = promisify(gunzipCallback);

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

export interface Exposition {
  plain(): Promise<Uint8Array>;
  gzip(): Promise<Uint8Array>;
}

export interface ExpositionOptions {
  readonly projection: Projection;
  readonly windows: readonly Window[];
  /** The exporter's own part. */
  readonly renderSelf: () => Promise<string>;
  /** Unix seconds. */
  readonly now: () => number;
}

export function createExposition({ projection, windows, renderSelf, now }: ExpositionOptions): Exposition {
  const breathe = createBreath();
  const writers = [
    ...seriesFamilies(windows).map((family) => createWriter(family, ({ series }) => series, breathe)),
    ...tierFamilies(windows).map((family) => createWriter(family, ({ tiers }) => tiers, breathe)),
  ];
  const queue = createQueue();
  let rendered: Rendered | null = null;
  let whole: { readonly of: Rendered; readonly self: string; readonly gzip: Uint8Array } | null = null;

  /** One rendering at a time: the next begins with what this one leaves. */
  const render = () =>
    queue.run(async (): Promise<Rendered> => {
      await projection.prepare(now(), breathe);
      const projected = projection.at(now());
      if (rendered?.projected === projected) return rendered;
      const texts: CompressedText[] = [];
      for (const write of writers) texts.push(...(await write(projected)));
      rendered = { projected, texts };
      return rendered;
    });

  const gzip = joinNext(async (): Promise<Uint8Array> => {
    const [figures, self] = await Promise.all([render(), renderSelf()]);
    if (whole?.of !== figures || whole.self !== self) {
      whole = { of: figures, self, gzip: toGzip([...figures.texts, await compressText(self)]) };
    }
    return whole.gzip;
  });
  return { gzip, plain: joinNext(async () => gunzip(await gzip())) };
}

interface Rendered {
  readonly projected: Projected;
  readonly texts: readonly CompressedText[];
}

interface Chunk {
  readonly samples: readonly unknown[];
  readonly text: CompressedText;
}

/** Writes one family, and remembers how: chunks of samples that are still the same are not written again. */
function createWriter<Sample>(
  family: Family<Sample>,
  samplesOf: (projected: Projected) => readonly Sample[],
  breathe: () => Promise<void>,
): (projected: Projected) => Promise<readonly CompressedText[]> {
  let samples: readonly Sample[] = [];
  const registry = createRegistry(family, () => samples);
  let chunks: readonly Chunk[] = [];
  return async (projected) => {
    const all = samplesOf(projected);
    const next: Chunk[] = [];
    for (let from = 0; from === 0 || from < all.length; from += samplesAtOnce) {
      const wanted = all.slice(from, from + samplesAtOnce);
      const known = chunks[next.length];
      if (known && isSame(known.samples, wanted)) {
        next.push(known);
        continue;
      }
      samples = wanted;
      const text = await registry.metrics();
      next.push({ samples: wanted, text: await compressText(from === 0 ? text : withoutHeader(text)) });
      await breathe();
    }
    chunks = next;
    return chunks.map(({ text }) => text);
  };
}

/** Gives way to the event loop where a stretch of work has grown long. */
function createBreath(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < stretchMs) return;
    await nextTurn();
    began = performance.now();
  };
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((sample, index) => sample === b[index]);
}

/** A registry that holds one family as a collector of constant values: prom-client takes any object of this form. */
function createRegistry<Sample>(
  { name, help, type, valuesOf }: Family<Sample>,
  samples: () => readonly Sample[],
): Registry {
  const collect = async () => ({ name, help, type, aggregator: 'sum', values: samples().flatMap(valuesOf) });
  const registry = new Registry();
  registry.registerMetric({ name, help, type, aggregator: 'sum', get: collect } as unknown as Metric);
  return registry;
}

/** Samples alone: the lines after HELP and TYPE. */
function withoutHeader(text: string): string {
  return text.slice(text.indexOf('\n', text.indexOf('\n# TYPE ') + 1) + 1);
}
