import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { createState } from '../../src/core/series/state.ts';
import { createIngest, StoreUnavailable } from '../../src/ingest/ingest.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { deliver } from '../support/deliver.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { aRecord, someFacts } from '../support/records.ts';

const now = 1_785_500_000;

/** A store whose disk can be full. Reads still work, as in SQLite. */
function createFallibleStore() {
  const inner = openMemoryStore();
  let isFull = false;
  let isGone = false;
  const store: Store = {
    ...inner,
    transact: (work) =>
      inner.transact((tx) => {
        if (isGone) throw new StoreUnavailable('Database was removed');
        const put = async (key: string, value: string) => {
          if (isFull) throw new StoreUnavailable('Disk is full');
          await tx.meta.put(key, value);
        };
        return work({ ...tx, meta: { ...tx.meta, put } });
      }),
  };
  return {
    store,
    fill: () => {
      isFull = true;
    },
    empty: () => {
      isFull = false;
    },
    remove: () => {
      isGone = true;
    },
  };
}

function start() {
  const { store, ...faults } = createFallibleStore();
  const mode = { policy: defaultPolicy, canAsk: false };
  const ingest = createIngest({ store, state: createState(), mode, clock: createFakeClock(now) });
  const write = () => ingest.submit({ kind: 'probe' });
  const read = () => ingest.read((rows) => rows.backfills.newest(1));
  return { ingest, write, read, ...faults };
}

describe('requests of one transaction', () => {
  const reportOf = (number: number) => {
    const record = aRecord({ number, createdAt: now - 60, finishedAt: now - 50 });
    return { kind: 'report', repo: someFacts(), record } as const;
  };

  it('are stored once each if one of them fails, and only that one rejects', async () => {
    const { ingest } = start();
    const settled = await Promise.allSettled([
      ingest.submit(reportOf(1)),
      ingest.submit({ kind: 'repoGone', repoId: 99, since: now }),
      ingest.submit(reportOf(2)),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const [pair] = ingest.state.pairs.values();
    expect(pair?.totals.counters['dora_deployments_total']).toBe(2);
  });

  it('all reject if the store cannot commit, and are stored if they are submitted again', async () => {
    const { ingest, fill, empty } = start();
    fill();
    const submitAll = () =>
      Promise.allSettled([ingest.submit(reportOf(1)), ingest.submit({ kind: 'probe' })]);
    const refused = await submitAll();
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([ingest.state.pairs.size, ingest.state.version]).toEqual([0, 0]);
    empty();
    const stored = await submitAll();
    expect(stored.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    const [pair] = ingest.state.pairs.values();
    expect(pair?.totals.counters['dora_deployments_total']).toBe(1);
  });

  it('all reject and change no figure if the commit itself fails, and count once when they are submitted again', async () => {
    const inner = openMemoryStore();
    let isFull = true;
    const store: Store = {
      ...inner,
      transact: (work) =>
        inner.transact(async (tx) => {
          const result = await work(tx);
          if (isFull) throw new StoreUnavailable('Disk is full');
          return result;
        }),
    };
    const mode = { policy: defaultPolicy, canAsk: false };
    const ingest = createIngest({ store, state: createState(), mode, clock: createFakeClock(now) });
    const submitAll = () => Promise.allSettled([ingest.submit(reportOf(1)), ingest.submit(reportOf(2))]);
    const refused = await submitAll();
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([ingest.state.pairs.size, ingest.state.version]).toEqual([0, 0]);
    isFull = false;
    const stored = await submitAll();
    expect(stored.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    const [pair] = ingest.state.pairs.values();
    expect(pair?.totals.counters['dora_deployments_total']).toBe(2);
  });
});

describe('a read', () => {
  it('does not prove that the store can be written', async () => {
    const { ingest, write, read, fill } = start();
    fill();
    await expect(write()).rejects.toThrow('Disk is full');

    expect(await read()).toEqual([]);
    expect(ingest.fault?.message).toBe('Disk is full');
  });

  it('reports a fault if the store cannot be read', async () => {
    const { ingest, read, remove } = start();
    remove();

    await expect(read()).rejects.toThrow(StoreUnavailable);
    expect(ingest.fault?.message).toBe('Database was removed');
  });

  it('does not notify subscribers', async () => {
    const { ingest, write, read } = start();
    let news = 0;
    ingest.subscribe(() => news++);

    await read();
    expect(news).toBe(0);
    await write();
    expect(news).toBe(1);
  });

  it('sees rows and state of the same moment, even if the store reports its commit late', async () => {
    const inner = openMemoryStore();
    const store: Store = {
      ...inner,
      async transact(work) {
        const result = await inner.transact(work);
        await nextTurn();
        return result;
      },
    };
    const mode = { policy: defaultPolicy, canAsk: false };
    const ingest = createIngest({ store, state: createState(), mode, clock: createFakeClock(now) });
    const tell = (number: number) =>
      deliver(ingest, someFacts(), aRecord({ number, createdAt: now - 60, finishedAt: now - 50 }));
    const folded = () =>
      [...ingest.state.timelines.values()].reduce((sum, { recent }) => sum + recent.length, 0);
    const look = () =>
      ingest.read(async ({ pipelines }) => {
        const atFirst = folded();
        let rows = 0;
        for await (const slice of pipelines.deployments()) rows += slice.length;
        await nextTurn();
        return [atFirst, rows, folded()];
      });

    const told: Promise<unknown>[] = [];
    const seen: Promise<number[]>[] = [];
    for (let number = 1; number <= 5; number++) {
      told.push(tell(number));
      for (let looks = 0; looks < 4; looks++) {
        seen.push(look());
        await nextTurn();
      }
    }
    await Promise.all(told);
    seen.push(look());
    const moments = await Promise.all(seen);
    expect(moments.filter(([first, ...rest]) => rest.some((one) => one !== first))).toEqual([]);
    expect([moments[0], moments.at(-1)]).toEqual([
      [0, 0, 0],
      [5, 5, 5],
    ]);
  });

  it('is over before ingest is idle', async () => {
    const { ingest } = start();
    let isRead = false;
    const reading = ingest.read(async () => {
      await nextTurn();
      isRead = true;
    });
    await ingest.idle();
    expect(isRead).toBe(true);
    await reading;
  });

  it('sees earlier commits', async () => {
    const { ingest, read } = start();
    const backfill = { id: 'a', startedAtMs: 1000, summary: '{}' };
    await ingest.submit({ kind: 'backfill', backfill, kept: 1 });

    expect(await read()).toEqual([backfill]);
  });
});
