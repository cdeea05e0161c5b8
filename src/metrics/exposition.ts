/**
 * Renders samples as the text that Prometheus scrapes: the figures, then the exporter's metrics about itself.
 *
 * Guarantees: samples that have not changed since the last scrape are neither rendered nor compressed again. Waiting scrapes
 * share one answer. Each sample is written once, without a timestamp.
 */

import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import type { Projected, Projection, SeriesSample } from '../core/series/samples.ts';
import type { TierSample } from '../core/windows/tier-windows.ts';
import { coalesce } from '../util/coalesce.ts';
import { incidentFamilies, type ShownBy, seriesFamilies, tierFamilies } from './families.ts';
import { type Chunks, createFamilyWriter } from './family-writer.ts';
import { type CompressedText, compressText, toGzip } from './gzip.ts';

/** Number of samples in a chunk. If a sample changes, its whole chunk is compressed again. */
const samplesAtOnce = 100;

const gunzip = promisify(gunzipCallback);

export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Both reject with the errors of their options. */
export interface Exposition {
  plain(): Promise<Uint8Array>;
  gzip(): Promise<Uint8Array>;
}

export interface ExpositionOptions {
  readonly projection: Projection;
  readonly policy: ShownBy;
  /** Returns the exporter's metrics about itself. */
  readonly renderSelf: () => Promise<string>;
  /** Unix seconds. */
  readonly now: () => number;
  /** Called between chunks, so that a long rendering does not block the event loop. */
  readonly yieldToEventLoop: () => Promise<void>;
}

export function createExposition({
  projection,
  policy,
  renderSelf,
  now,
  yieldToEventLoop,
}: ExpositionOptions): Exposition {
  const writeSeries = seriesFamilies(policy).map((family) => createFamilyWriter(family, yieldToEventLoop));
  const writeTiers = tierFamilies(policy).map((family) => createFamilyWriter(family, yieldToEventLoop));
  const writeIncidents = incidentFamilies(policy).map((family) =>
    createFamilyWriter(family, yieldToEventLoop),
  );
  let rendered: Rendered | null = null;
  let whole: { readonly of: Rendered; readonly self: string; readonly gzip: Uint8Array } | null = null;

  const render = async (): Promise<Rendered> => {
    const projected = await projection.prepared(now(), yieldToEventLoop);
    if (rendered?.projected === projected) return rendered;
    const series = partition(rendered?.series ?? [], projected.series);
    const tiers = partition(rendered?.tiers ?? [], projected.tiers);
    const texts: CompressedText[] = [];
    for (const write of writeSeries) texts.push(...(await write(series)));
    for (const write of writeTiers) texts.push(...(await write(tiers)));
    for (const write of writeIncidents) texts.push(...(await write(series)));
    rendered = { projected, series, tiers, texts };
    return rendered;
  };

  /** Runs one rendering at a time, since it uses the chunks of the last one. */
  const gzip = coalesce(async (): Promise<Uint8Array> => {
    const figures = await render();
    const self = await renderSelf();
    if (whole?.of !== figures || whole.self !== self) {
      whole = { of: figures, self, gzip: toGzip([...figures.texts, compressText(self)]) };
    }
    return whole.gzip;
  });
  return { gzip, plain: coalesce(async () => gunzip(await gzip())) };
}

interface Rendered {
  readonly projected: Projected;
  readonly series: Chunks<SeriesSample>;
  readonly tiers: Chunks<TierSample>;
  readonly texts: readonly CompressedText[];
}

/** Cuts samples into chunks, at least one. An unchanged chunk is the same object as in `before`. */
function partition<Sample>(before: Chunks<Sample>, samples: readonly Sample[]): Chunks<Sample> {
  return Array.from({ length: Math.max(1, Math.ceil(samples.length / samplesAtOnce)) }, (_, index) => {
    const chunk = samples.slice(index * samplesAtOnce, (index + 1) * samplesAtOnce);
    const known = before[index];
    const isSame = known?.length === chunk.length && chunk.every((sample, place) => sample === known[place]);
    return known && isSame ? known : chunk;
  });
}
