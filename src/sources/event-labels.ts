/** Sources and results of events: the labels of `dora_exporter_events_total`. */

export const sources = ['webhook', 'stream', 'backfill', 'reconcile', 'follow', 'incident'] as const;
export type Source = (typeof sources)[number];

/** The sources that the settings enable. */
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

/** Called for every event; `count`: 1 if omitted. */
export type OnEvent = (source: Source, result: EventResult, count?: number) => void;
