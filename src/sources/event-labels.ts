/** Where news comes from, and what may become of it: the labels of `dora_exporter_events_total`. */

import type { Ingest } from '../ingest/ingest.ts';

export const sources = ['webhook', 'stream', 'backfill', 'reconcile', 'follow', 'incident'] as const;
export type Source = (typeof sources)[number];

/** Those that exist with these settings. */
export function sourcesIn(settings: {
  readonly hasWoodpecker: boolean;
  readonly hasStream: boolean;
}): readonly Source[] {
  const { hasWoodpecker, hasStream } = settings;
  if (!hasWoodpecker) return ['webhook', 'incident'];
  return sources.filter((source) => source !== 'stream' || hasStream);
}

export const eventResults = ['stored', 'duplicate', 'stale', 'following', 'ignored', 'rejected'] as const;
export type EventResult = (typeof eventResults)[number];

/** Told of everything that came in. */
export type OnEvent = (source: Source, result: EventResult, count?: number) => void;

export interface SourceDependencies {
  readonly ingest: Ingest;
  readonly onEvent: OnEvent;
}
