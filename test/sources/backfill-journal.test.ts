import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createState } from '../../src/core/series/state.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { type BackfillJournal, createBackfillJournal } from '../../src/sources/backfill-journal.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import { createLog } from '../../src/util/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const start = 1_785_500_000;

/**
 * The journal of a process that started at `startSeconds`. Two journals on one `store` are two runs of the process.
 */
function createJournal(store: Store, startSeconds = start) {
  const clock = createFakeClock(startSeconds);
  const mode = { policy: defaultPolicy, canAsk: true };
  const ingest = createIngest({ store, state: createState(), mode, clock });
  const told: boolean[] = [];
  const log = createLog('error', () => undefined);
  const journal = createBackfillJournal({
    ingest,
    clock,
    log,
    onRunning: (isRunning) => told.push(isRunning),
  });
  return { clock, journal, told };
}

/** A memory store that can read but not write, as if its disk were full. */
function createFullStore(): Store {
  const inner = openMemoryStore();
  const put = () => Promise.reject(new StoreUnavailable('Disk is full'));
  return {
    ...inner,
    transact: (work) => inner.transact((tx) => work({ ...tx, backfills: { ...tx.backfills, put } })),
  };
}

const statesOf = async (journal: BackfillJournal) => (await journal.list()).map(({ state }) => state);

describe('the journal of backfills', () => {
  const opened = (): Store => {
    const store = openMemoryStore();
    onTestFinished(() => store.close());
    return store;
  };

  it('lists a backfill that has just started, before it is stored', async () => {
    const { journal } = createJournal(opened());
    const entry = journal.begin(false);
    const saved = entry.save();

    expect(await journal.list()).toEqual([entry.summary]);
    expect(await journal.get(entry.summary.id)).toEqual(entry.summary);
    await saved;
    expect(await journal.list()).toEqual([entry.summary]);
  });

  it('lists a finished backfill as done, even before its end is stored', async () => {
    const { clock, journal, told } = createJournal(opened());
    const entry = journal.begin(false);
    await entry.save();
    clock.advance(60);
    entry.update({ repos: 3 });
    entry.finish('done');
    const saved = entry.save();

    expect(journal.running).toBeNull();
    const done = { state: 'done', repos: 3, finished: '2026-07-31T12:14:20.000Z' };
    expect(await journal.list()).toMatchObject([done]);
    expect(await journal.get(entry.summary.id)).toMatchObject(done);
    await saved;
    expect(await journal.list()).toMatchObject([done]);
    expect(told).toEqual([true, false]);
  });

  it('lists stored backfills after a restart, and marks the one that was running as interrupted', async () => {
    const store = opened();
    const before = createJournal(store);
    const first = before.journal.begin(false);
    first.finish('failed');
    await first.save();
    before.clock.advance(1);
    await before.journal.begin(true).save();

    const { journal } = createJournal(store, start + 60);
    expect(journal.running).toBeNull();
    expect(await statesOf(journal)).toEqual(['interrupted', 'failed']);
    expect(await journal.get(first.summary.id)).toEqual(first.summary);
  });

  it('lists the newest first, even if the clock was put back since', async () => {
    const store = opened();
    const before = createJournal(store, start + 3600);
    for (let i = 0; i < 50; i++) {
      before.clock.advance(1);
      const entry = before.journal.begin(true);
      entry.finish('done');
      await entry.save();
    }

    const { journal } = createJournal(store);
    const entry = journal.begin(false);
    await entry.save();
    const listed = await journal.list();
    expect([listed.length, listed[0]?.id]).toEqual([50, entry.summary.id]);
  });
});

it('the journal of backfills lists how each has ended even if none can be stored', async () => {
  const { journal } = createJournal(createFullStore());
  for (const state of ['done', 'failed', 'interrupted'] as const) {
    const entry = journal.begin(false);
    await entry.save();
    entry.finish(state);
    await entry.save();
  }
  const last = journal.begin(false);
  await last.save();

  expect(await statesOf(journal)).toEqual(['running', 'interrupted', 'failed', 'done']);
  expect(journal.running).toEqual(last.summary);
});

it('the journal of backfills keeps no more than fifty in memory', async () => {
  const { journal } = createJournal(createFullStore());
  const first = journal.begin(true);
  first.finish('done');
  for (let i = 0; i < 50; i++) journal.begin(true).finish('done');

  expect(await journal.list()).toHaveLength(50);
  expect(await journal.get(first.summary.id)).toBeNull();
});
