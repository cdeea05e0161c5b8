/**
 * The journal of backfills: a summary of each, updated while it runs and kept in the store.
 *
 * Guarantees: one runs at a time; a backfill is `interrupted` if the process ended before it; the newest fifty are kept.
 * If a summary cannot be stored, the backfill goes on, and this process still reports it.
 */

import { randomUUID } from 'node:crypto';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { describeError } from '../util/log.ts';
import { recover } from '../util/recover.ts';
import type { Dependencies } from './dependencies.ts';
import { type Counts, noCounts } from './store-page.ts';

export interface BackfillSummary {
  readonly id: string;
  readonly state: 'running' | 'done' | 'failed' | 'interrupted';
  /** ISO 8601; `null` while running. */
  readonly started: string;
  readonly finished: string | null;
  readonly dry_run: boolean;
  /** Number of repos read so far. */
  readonly repos: number;
  readonly pipelines: Counts;
  readonly errors: readonly { readonly repo: string; readonly message: string }[];
  /** A note beside the counts: nothing matched, or a dry run stored nothing. */
  readonly message?: string;
}

export interface BackfillJournal {
  readonly running: BackfillSummary | null;
  /** Newest first. */
  list(): Promise<readonly BackfillSummary[]>;
  get(id: string): Promise<BackfillSummary | null>;
  /** Adds an entry for a new backfill. Call it only if no other is running. */
  begin(isDry: boolean): BackfillEntry;
}

/** The entry of one backfill. */
export interface BackfillEntry {
  readonly summary: BackfillSummary;
  update(change: Partial<BackfillSummary>): void;
  /** Ends it. An interrupted backfill has no end time. */
  finish(state: 'done' | 'failed' | 'interrupted', message?: string | null): void;
  /** Stores the current summary. */
  save(): Promise<void>;
}

export interface JournalOptions extends Pick<Dependencies, 'ingest' | 'clock' | 'log'> {
  readonly onRunning?: ((isRunning: boolean) => void) | undefined;
}

const rememberedBackfills = 50;

export function createBackfillJournal({ ingest, clock, log, onRunning }: JournalOptions): BackfillJournal {
  /** The backfills of this process, since they may not be stored: a save may be late, or fail. */
  const own = new Map<string, BackfillSummary>();
  let running: BackfillSummary | null = null;
  const nowIso = (): string => new Date(clock.now()).toISOString();

  const save = async (summary: BackfillSummary): Promise<void> => {
    const { id, started } = summary;
    const backfill = { id, startedAtMs: Date.parse(started), summary: JSON.stringify(summary) };
    const stored = ingest.submit({ kind: 'backfill', backfill, kept: rememberedBackfills });
    await recover(stored, StoreUnavailable, (error) =>
      log.debug('Summary of a backfill could not be stored', { id, error: describeError(error) }),
    );
  };
  const list = async (): Promise<BackfillSummary[]> => {
    const stored = await ingest.read((rows) => rows.backfills.newest(rememberedBackfills));
    const earlier = stored
      .filter(({ id }) => !own.has(id))
      .map(({ summary }): BackfillSummary => {
        const parsed = JSON.parse(summary) as BackfillSummary;
        return parsed.state === 'running' ? { ...parsed, state: 'interrupted' } : parsed;
      });
    return [...[...own.values()].reverse(), ...earlier].slice(0, rememberedBackfills);
  };

  return {
    get running() {
      return running;
    },
    list,
    async get(id) {
      return own.get(id) ?? (await list()).find((summary) => summary.id === id) ?? null;
    },
    begin(isDry) {
      let summary: BackfillSummary = {
        id: randomUUID(),
        state: 'running',
        started: nowIso(),
        finished: null,
        dry_run: isDry,
        repos: 0,
        pipelines: noCounts,
        errors: [],
      };
      const update = (change: Partial<BackfillSummary>): void => {
        summary = { ...summary, ...change };
        running = summary;
        own.set(summary.id, summary);
      };
      update({});
      for (const oldest of [...own.keys()].slice(0, -rememberedBackfills)) own.delete(oldest);
      onRunning?.(true);
      return {
        get summary() {
          return summary;
        },
        update,
        finish(state, message = null) {
          const finished = state === 'interrupted' ? null : nowIso();
          update({ state, finished, ...(message !== null && { message }) });
          running = null;
          onRunning?.(false);
        },
        save: () => save(summary),
      };
    },
  };
}
