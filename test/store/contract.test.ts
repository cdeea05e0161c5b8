/** What the store guarantees, in a file and in memory. */

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ignoreReasons } from '../../src/core/classification.ts';
import type { Change } from '../../src/core/commit-range.ts';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import type { OperatorMark, StoredMark } from '../../src/core/failures/operator-mark.ts';
import type { TrackedAlert, TrackedReport } from '../../src/core/failures/tracked-incident.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { Follow } from '../../src/core/poll-schedule.ts';
import type { Repo } from '../../src/core/repo.ts';
import { zeroTotals } from '../../src/core/series/ledger.ts';
import type { StoredPipeline } from '../../src/core/stored-pipeline.ts';
import { fine } from '../../src/core/verdict.ts';
import { openMemoryStore, openSqliteStore } from '../../src/store/sqlite.ts';
import { type Store, StoreUnavailable, type Transaction } from '../../src/store/store.ts';
import {
  aClassification,
  aPair,
  aRecord,
  aRepo,
  aStep,
  aStoredPipeline,
  aWorkflow,
  ignoredIn,
  unfinishedIn,
} from '../support/records.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

/** More rows than one slice contains. */
const manyRows = 4500;

/** Adds a repo with this id and a name of its own, and returns its key. */
async function addRepo(
  tx: Transaction,
  woodpeckerId: number,
  overrides: Partial<Repo> = {},
): Promise<number> {
  const { key: _, ...repo } = aRepo({ woodpeckerId, fullName: `acme/repo-${woodpeckerId}`, ...overrides });
  return (await tx.repos.add(repo)).key;
}

async function collect<T>(slices: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const slice of slices) all.push(...slice);
  return all;
}

interface Overrides extends Partial<Omit<StoredPipeline, 'credited' | 'changes'>> {
  /** The same value in each of its tiers. */
  readonly credited?: number;
  readonly change?: Change | null;
  readonly told?: Partial<PipelineRecord>;
}

const pipelineOf = (repo: number, number: number, overrides: Overrides = {}): StoredPipeline => {
  const { told, change = null, ...rest } = overrides;
  const pipeline = aStoredPipeline({ repo, record: aRecord({ number, ...told }), ...rest });
  return change ? { ...pipeline, changes: new Map([['production', change]]) } : pipeline;
};

const ignoredAs = (reason: 'killed' | 'branch', tier: string | null) => ignoredIn(tier, reason);
const unfinished = unfinishedIn('production');
const placeOf = (repo: number, number: number) => ({ repo, number, tier: 'production' });

/** The whole content of a store in a fixed order, to compare two moments. */
async function contentOf(tx: Transaction): Promise<unknown> {
  const withMaps = (_: string, value: unknown) => (value instanceof Map ? [...value] : value);
  const byText = (values: readonly unknown[]) =>
    values.map((value) => JSON.stringify(value, withMaps)).sort();
  return {
    meta: await tx.meta.get('policy'),
    repos: byText(await tx.repos.all()),
    pipelines: byText(await collect(tx.pipelines.all())),
    pairs: byText(await tx.pairs.all()),
    follows: byText(await tx.follows.all()),
    incidents: byText(await collect(tx.incidents.all())),
    marks: byText(await tx.marks.all()),
    backfills: byText(await tx.backfills.newest(100)),
  };
}

const folder = createTemporaryFolder();
afterAll(folder.remove);
let files = 0;

describe.each([
  ['a file', () => openSqliteStore(folder.pathOf(`${files++}.db`))],
  ['memory', openMemoryStore],
])('a store in %s', (_, open) => {
  let store: Store;

  beforeEach(() => {
    store = open();
  });

  afterEach(() => store.close());

  /** A test within one transaction, of a store with two repos. */
  const inTransaction = (
    name: string,
    work: (tx: Transaction, one: number, two: number) => Promise<void>,
  ): void =>
    it(name, () => store.transact(async (tx) => work(tx, await addRepo(tx, 11), await addRepo(tx, 12))));

  describe('transact', () => {
    it('rejects with the error that the work threw', async () => {
      const fault = new TypeError('Not today');
      const attempt = store.transact(async () => {
        throw fault;
      });
      await expect(attempt).rejects.toBe(fault);
    });

    it('writes nothing if the work throws, and restores all that it replaced', async () => {
      const follow: Follow = { target: 11, number: 1, createdAt: 1000, polledAt: null, hintedAt: null };
      const tracked: TrackedReport = {
        kind: 'report',
        id: 'INC-12',
        report: saidAt({ repo: 'acme/shop', tier: 'production', started: 1000 }, 1010),
        bound: null,
        counted: 0,
      };
      const mark = { ...placeOf(0, 1), mark: { kind: 'fine' }, reason: null, markedAt: 1000 } as const;
      const repo = await store.transact(async (tx) => {
        const key = await addRepo(tx, 11);
        await tx.meta.put('policy', 'a');
        await tx.pipelines.put(pipelineOf(key, 1));
        await tx.pipelines.put(pipelineOf(key, 2, { isPending: true }));
        await tx.pipelines.putChange(placeOf(key, 2), { base: 'a', head: 'd', range: null });
        await tx.pairs.put(aPair({ repo: key }));
        await tx.follows.put(follow);
        await tx.incidents.put(tracked);
        await tx.marks.put({ ...mark, repo: key });
        await tx.backfills.put({ id: 'a', startedAtMs: 1000, summary: 'running' });
        return key;
      });
      const before = await store.transact(contentOf);
      const attempt = store.transact(async (tx) => {
        const other = await addRepo(tx, 12);
        await tx.repos.put(aRepo({ key: repo, fullName: 'acme/renamed' }));
        await tx.meta.put('policy', 'b');
        await tx.meta.put('another', 'c');
        await tx.pipelines.put(pipelineOf(repo, 1, { told: { status: 'failure' } }));
        await tx.pipelines.put(pipelineOf(repo, 3));
        await tx.pipelines.put(pipelineOf(other, 1));
        await tx.pipelines.setCredited(placeOf(repo, 1), 33);
        await tx.pipelines.putChange(placeOf(repo, 1), { base: 'a', head: 'd', range: null });
        await tx.pipelines.putChange(placeOf(repo, 2), { base: 'z', head: 'zz', range: null });
        await tx.pipelines.creditAll(16);
        await tx.pipelines.releasePending(repo);
        await tx.pairs.put(aPair({ repo, isKnown: false }));
        await tx.pairs.put(aPair({ repo: other }));
        await tx.follows.drop(follow);
        await tx.follows.put({ ...follow, number: 2 });
        await tx.incidents.put({ ...tracked, counted: 7 });
        await tx.incidents.put({ ...tracked, id: 'INC-13' });
        await tx.marks.drop({ ...mark, repo });
        await tx.marks.put({ ...mark, repo, number: 2 });
        await tx.backfills.put({ id: 'a', startedAtMs: 1000, summary: 'done' });
        await tx.backfills.put({ id: 'b', startedAtMs: 2000, summary: 'running' });
        throw new Error('Not today');
      });
      await expect(attempt).rejects.toThrow('Not today');
      expect(await store.transact(contentOf)).toEqual(before);
      expect(await store.transact((tx) => tx.meta.get('another'))).toBeNull();
      expect(await store.transact((tx) => collect(tx.pipelines.pending(repo)))).toHaveLength(1);
    });

    it('runs transactions one after the other, in the order of the calls', async () => {
      const events: string[] = [];
      const slow = store.transact(async (tx) => {
        events.push('first begins');
        await tx.meta.put('policy', 'a');
        await delay(10);
        await tx.meta.put('policy', 'b');
        events.push('first ends');
      });
      const quick = store.transact(async (tx) => {
        events.push(`second reads ${await tx.meta.get('policy')}`);
      });
      const last = store.transact(async () => {
        events.push('third');
      });
      await Promise.all([last, quick, slow]);
      expect(events).toEqual(['first begins', 'first ends', 'second reads b', 'third']);
    });
  });

  describe('close', () => {
    it('waits for the transactions that were begun', async () => {
      const events: string[] = [];
      const begun = store.transact(async (tx) => {
        await delay(10);
        await tx.meta.put('policy', 'a');
        events.push('written');
      });
      await store.close();
      events.push('closed');
      await begun;
      expect(events).toEqual(['written', 'closed']);
    });

    it('makes later calls reject with StoreUnavailable', async () => {
      await store.close();
      await expect(store.transact(async () => 1)).rejects.toBeInstanceOf(StoreUnavailable);
    });

    it('may be called twice', async () => {
      await store.close();
      await expect(store.close()).resolves.toBeUndefined();
    });
  });

  describe('meta', () => {
    inTransaction('keeps one value per key', async (tx) => {
      expect(await tx.meta.get('policy')).toBeNull();
      await tx.meta.put('policy', 'a');
      await tx.meta.put('policy', '');
      expect(await tx.meta.get('policy')).toBe('');
    });
  });

  describe('repos', () => {
    inTransaction('drops one repo with all its rows, and none of other repos', async (tx, one, other) => {
      for (const repo of [one, other]) {
        await tx.pipelines.put(pipelineOf(repo, 1));
        await tx.pipelines.putChange(placeOf(repo, 1), { base: null, head: 'c1', range: null });
        await tx.pairs.put(aPair({ repo }));
        await tx.marks.put({ ...placeOf(repo, 1), mark: { kind: 'fine' }, reason: null, markedAt: 1000 });
      }
      await tx.repos.drop(one);
      expect((await tx.repos.all()).map(({ key }) => key)).toEqual([other]);
      expect((await tx.pairs.all()).map(({ repo }) => repo)).toEqual([other]);
      expect((await tx.marks.all()).map(({ repo }) => repo)).toEqual([other]);
      expect(await tx.pipelines.get(one, 1)).toBeNull();
      expect(await tx.pipelines.get(other, 1)).not.toBeNull();
      expect(await addRepo(tx, 11)).not.toBe(one);
    });

    it('gives no key twice, even after a rollback', async () => {
      const first = await store.transact((tx) => addRepo(tx, 11));
      await store
        .transact(async (tx) => {
          await addRepo(tx, 12);
          throw new Error('Not today');
        })
        .catch(() => undefined);
      const third = await store.transact((tx) => addRepo(tx, 13));
      expect(third).not.toBe(first);
      expect(await store.transact((tx) => tx.repos.all())).toHaveLength(2);
    });

    it('keeps every field of a repo, and gives each repo its own key', async () => {
      const known: Omit<Repo, 'key'> = {
        woodpeckerId: 11,
        forgeRemoteId: 'forge-11',
        fullName: 'Äcme/shöp 🛒',
        namedAt: 1_750_000_000,
        defaultBranches: ['main', "o'brien", 'übung'],
        horizon: 1_740_000_000,
        knownSince: 1_730_000_000,
        revealed: true,
        isGone: false,
        scan: { watermark: 7, scannedAt: 1000, covered: { from: 8, to: 90, fromCreatedAt: 900 } },
      };
      const unknown: Omit<Repo, 'key'> = {
        ...{
          woodpeckerId: null,
          forgeRemoteId: null,
          fullName: 'acme/shop',
          namedAt: 0,
          defaultBranches: [],
        },
        ...{ horizon: null, knownSince: null, revealed: false, isGone: false },
        scan: { watermark: null, scannedAt: null, covered: null },
      };
      await store.transact(async (tx) => {
        const [one, other, more] = [
          await tx.repos.add(known),
          await tx.repos.add(unknown),
          await tx.repos.add(unknown),
        ];
        expect(new Set([one.key, other.key, more.key]).size).toBe(3);
        expect(await tx.repos.all()).toEqual([
          { ...known, key: one.key },
          { ...unknown, key: other.key },
          { ...unknown, key: more.key },
        ]);
      });
    });

    inTransaction('replaces a repo by its key', async (tx, key, other) => {
      const changed = aRepo({ key, woodpeckerId: 11, fullName: 'acme/store', horizon: 5, revealed: false });
      await tx.repos.put(changed);
      const all = await tx.repos.all();
      expect(all).toHaveLength(2);
      expect(all.find((repo) => repo.key === key)).toEqual(changed);
      expect(all.find((repo) => repo.key === other)?.fullName).toBe('acme/repo-12');
    });
  });

  describe('pipelines', () => {
    it.each<[string, Overrides]>([
      [
        'a deployment',
        { classification: aClassification({ outcome: 'failure', isRework: true }), credited: 35 },
      ],
      [
        'a pipeline that has not ended',
        { classification: unfinished, told: { status: 'running', finishedAt: null } },
      ],
      ['a pipeline that is ignored for its end', { classification: ignoredAs('killed', 'production') }],
      ['a pipeline that is out of scope', { classification: ignoredAs('branch', null) }],
      [
        'a pipeline in three tiers',
        {
          classification: {
            tiers: [
              { tier: 'live', kind: 'ignored', reason: 'not_reached' },
              ...aClassification({ tier: 'production', outcome: 'failure' }).tiers,
              ...aClassification({ tier: 'staging', at: 1050, startedAt: 1020 }).tiers,
            ],
            reason: null,
          },
          credited: 5,
        },
      ],
      [
        'a pipeline whose workflows are unread',
        { classification: { tiers: [{ tier: 'production', kind: 'unread' }], reason: null }, credited: 7 },
      ],
      ['a pending pipeline', { isPending: true, credited: 0x7fff_ffff }],
      [
        'a pipeline with few known fields',
        {
          told: {
            ...{
              id: 0,
              event: null,
              branch: null,
              ref: null,
              parent: null,
              createdAt: null,
              startedAt: null,
            },
            ...{ deployTo: '', commit: '', message: '', finishedAt: null, updatedAt: 0 },
            ...{ hasWorkflows: false, fromRest: false, firstEndReportAt: 1_750_000_000 },
          },
        },
      ],
      [
        'a pipeline with all fields known, in any script',
        {
          told: {
            id: 9_007_199_254_740_991,
            status: 'hibernating 💤',
            event: 'push',
            branch: 'feature/o\'brien"; DROP TABLE pipelines; --',
            deployTo: 'pröd',
            message: 'first line\nsecond\tline\r\n\u0000 nul 部署 🚀',
            fromFork: true,
            committedAt: 900,
            ref: 'refs/heads/fünf',
            parent: 7,
            canceledByStep: 'deploy',
            tierReports: [
              {
                ...{ tier: 'pröd"', status: 'success' },
                startedAt: null,
                finishedAt: 7,
                firstEndReportAt: null,
              },
              { ...{ tier: 'staging', status: '' }, startedAt: 5, finishedAt: null, firstEndReportAt: 8 },
            ],
            workflows: [
              aWorkflow({ pid: 1, name: 'ünit\n', steps: [] }),
              aWorkflow({
                ...{ pid: 2, state: 'killed', error: 'Canceled', startedAt: null, finishedAt: null },
                steps: [
                  aStep({ pid: 3 }),
                  aStep({ pid: 4, exitCode: -1, state: 'failure', error: 'exit "1"' }),
                ],
              }),
            ],
            finishedAt: 4_102_444_800,
            updatedAt: 4_102_444_801,
          },
        },
      ],
    ])('keeps %s as it is', async (_, overrides) => {
      const pipeline = await store.transact(async (tx) => {
        const stored = pipelineOf(await addRepo(tx, 11), 12, overrides);
        await tx.pipelines.put(stored);
        return stored;
      });
      expect(await store.transact((tx) => tx.pipelines.get(pipeline.repo, 12))).toEqual(pipeline);
    });

    inTransaction('keeps one row per repo and number', async (tx, repo, other) => {
      await tx.pipelines.put(pipelineOf(repo, 1, { classification: unfinished }));
      await tx.pipelines.put(pipelineOf(other, 1));
      await tx.pipelines.put(pipelineOf(repo, 1, { credited: 1 }));
      expect(await collect(tx.pipelines.all())).toEqual([
        pipelineOf(repo, 1, { credited: 1 }),
        pipelineOf(other, 1),
      ]);
      expect(await tx.pipelines.get(repo, 2)).toBeNull();
      expect(await tx.pipelines.get(other + 1, 1)).toBeNull();
    });

    inTransaction('sets the credits of one pipeline, and nothing else', async (tx, repo) => {
      const pipeline = pipelineOf(repo, 1, { isPending: true, credited: 1 });
      await tx.pipelines.put(pipeline);
      await tx.pipelines.put(pipelineOf(repo, 2));
      await tx.pipelines.setCredited(placeOf(repo, 1), 43);
      await tx.pipelines.setCredited(placeOf(repo, 99), 43);
      expect(await collect(tx.pipelines.all())).toEqual([
        pipelineOf(repo, 1, { isPending: true, credited: 43 }),
        pipelineOf(repo, 2),
      ]);
    });

    inTransaction(
      'adds the given bits to the credits of all deployments, pending or not',
      async (tx, one, two) => {
        await tx.pipelines.put(pipelineOf(one, 1, { credited: 0 }));
        await tx.pipelines.put(pipelineOf(one, 2, { credited: 33, isPending: true }));
        await tx.pipelines.put(pipelineOf(two, 1, { credited: 1, classification: unfinished }));
        await tx.pipelines.put(pipelineOf(two, 2, { credited: 0x7fff_ffff }));
        await tx.pipelines.creditAll(16);
        expect(await collect(tx.pipelines.all())).toEqual([
          pipelineOf(one, 1, { credited: 16 }),
          pipelineOf(one, 2, { credited: 49, isPending: true }),
          pipelineOf(two, 1, { credited: 1, classification: unfinished }),
          pipelineOf(two, 2, { credited: 0x7fff_ffff }),
        ]);
      },
    );

    describe('with a commit range from a forge', () => {
      const told: Change = {
        base: 'a',
        head: 'd',
        range: {
          added: [
            { id: 'b', committedAt: 1_750_000_000, isMerge: false },
            { id: 'd', committedAt: -1, isMerge: true },
          ],
          removed: ['x', 'y'],
        },
      };

      it.each<[string, Change]>([
        ['a range', told],
        ['a first deployment', { base: null, head: 'd', range: { added: [], removed: [] } }],
        ['an unknown range', { base: 'a', head: 'd', range: null }],
      ])('keep it as it is: %s', async (_, change) => {
        const repo = await store.transact(async (tx) => {
          const key = await addRepo(tx, 11);
          await tx.pipelines.put(pipelineOf(key, 1));
          await tx.pipelines.put(pipelineOf(key, 2));
          await tx.pipelines.putChange(placeOf(key, 1), change);
          return key;
        });
        await store.transact(async (tx) => {
          expect(await tx.pipelines.get(repo, 1)).toEqual(pipelineOf(repo, 1, { change }));
          expect(await tx.pipelines.get(repo, 2)).toEqual(pipelineOf(repo, 2));
          expect(await collect(tx.pipelines.all(repo))).toEqual([
            pipelineOf(repo, 1, { change }),
            pipelineOf(repo, 2),
          ]);
          const deployments = await collect(tx.pipelines.deployments());
          expect(deployments.map(({ deployment }) => deployment.change)).toEqual([change, null]);
        });
      });

      inTransaction(
        'keep the latest answer of the forge when the pipeline is replaced, released or credited',
        async (tx, repo) => {
          await tx.pipelines.put(pipelineOf(repo, 1, { isPending: true }));
          await tx.pipelines.putChange(placeOf(repo, 1), { base: 'a', head: 'd', range: null });
          await tx.pipelines.putChange(placeOf(repo, 1), told);
          const other: Change = { base: 'z', head: 'zz', range: null };
          await tx.pipelines.put(
            pipelineOf(repo, 1, { isPending: true, change: other, told: { status: 'failure' } }),
          );
          await tx.pipelines.setCredited(placeOf(repo, 1), 3);
          await tx.pipelines.creditAll(16);
          expect((await collect(tx.pipelines.pending(repo)))[0]?.changes.get('production')).toEqual(told);
          await tx.pipelines.releasePending(repo);
          expect(await tx.pipelines.get(repo, 1)).toEqual(
            pipelineOf(repo, 1, { change: told, credited: 19, told: { status: 'failure' } }),
          );
        },
      );

      inTransaction(
        'have none from before they were stored, and take none from a pipeline that is put',
        async (tx, repo) => {
          await tx.pipelines.putChange(placeOf(repo, 1), told);
          expect(await tx.pipelines.get(repo, 1)).toBeNull();
          await tx.pipelines.put(pipelineOf(repo, 1, { change: told }));
          expect((await tx.pipelines.get(repo, 1))?.changes.size).toBe(0);
        },
      );
    });

    describe('of a commit with several ids', () => {
      const told = (commit: string, createdAt: number) => ({ told: { commit, createdAt } });

      inTransaction('contain the resolved id in every read', async (tx, repo, other) => {
        await tx.pipelines.put(pipelineOf(repo, 1, told('tag', 300)));
        await tx.pipelines.put(pipelineOf(repo, 2, told('c2', 400)));
        await tx.pipelines.put(pipelineOf(repo, 3, { isPending: true, ...told('tag', 500) }));
        await tx.pipelines.put(pipelineOf(other, 1, told('tag', 200)));
        await tx.pipelines.putChange(placeOf(repo, 1), { base: 'c0', head: 'tag', range: null });
        await tx.pipelines.putChange(placeOf(repo, 2), { base: 'tag', head: 'c2', range: null });
        expect(await tx.pipelines.commitOf(repo, 'tag')).toBe('tag');
        await tx.pipelines.putCommitId(repo, 'tag', 'c1');
        expect(await tx.pipelines.commitOf(repo, 'tag')).toBe('c1');
        expect(await tx.pipelines.commitOf(other, 'tag')).toBe('tag');

        const one = await tx.pipelines.get(repo, 1);
        expect([one?.commit, one?.record.commit]).toEqual(['c1', 'tag']);
        expect(one?.changes.get('production')).toEqual({ base: 'c0', head: 'c1', range: null });
        expect((await tx.pipelines.get(repo, 2))?.changes.get('production')?.base).toBe('c1');
        expect((await tx.pipelines.get(other, 1))?.commit).toBe('tag');
        expect((await collect(tx.pipelines.pending(repo))).map(({ commit }) => commit)).toEqual(['c1']);
        expect((await collect(tx.pipelines.all(repo))).map(({ commit }) => commit)).toEqual([
          'c1',
          'c2',
          'c1',
        ]);
        const deployments = await collect(tx.pipelines.deployments({ withFirstSeen: true }));
        expect(
          deployments.map(({ deployment }) => [
            deployment.commit,
            deployment.change?.base,
            deployment.firstSeenAt,
          ]),
        ).toEqual([
          ['c1', 'c0', 300],
          ['c2', 'c1', 400],
          ['tag', undefined, 200],
        ]);
      });

      inTransaction(
        'keep their ids when their repo becomes another one, whose own ids win',
        async (tx, from, into) => {
          await tx.pipelines.putCommitId(from, 'tag', 'c1');
          await tx.pipelines.putCommitId(from, 'c2-short', 'c2');
          await tx.pipelines.putCommitId(into, 'tag', 'c9');
          await tx.pipelines.copyCommitIds(from, into);
          await tx.repos.drop(from);
          expect(await tx.pipelines.commitOf(into, 'tag')).toBe('c9');
          expect(await tx.pipelines.commitOf(into, 'c2-short')).toBe('c2');
          expect(await tx.pipelines.commitOf(from, 'tag')).toBe('tag');
        },
      );

      inTransaction('share the first pipeline and the tiers of all ids', async (tx, repo) => {
        await tx.pipelines.put(pipelineOf(repo, 1, told('tag', 300)));
        await tx.pipelines.put(pipelineOf(repo, 2, told('c1', 400)));
        expect(await tx.pipelines.firstCreatedAt(repo, 'c1')).toBe(400);
        await tx.pipelines.putCommitId(repo, 'tag', 'c1');
        expect(await tx.pipelines.firstCreatedAt(repo, 'c1')).toBe(300);
        await tx.pipelines.put(pipelineOf(repo, 2, { ...told('other', 400) }));
        expect(await tx.pipelines.tiersOfCommit(repo, 'c1')).toEqual(['production']);
      });
    });

    describe('of one commit', () => {
      const created = (
        repo: number,
        number: number,
        commit: string,
        createdAt: number | null,
        overrides: Overrides = {},
      ) => pipelineOf(repo, number, { told: { commit, createdAt }, ...overrides });

      const fill = async (tx: Transaction, one: number, two: number): Promise<void> => {
        const pipelines = [
          created(one, 1, 'a', 700),
          created(one, 2, 'a', 500, { classification: ignoredAs('branch', null) }),
          created(one, 3, 'a', 400, { isPending: true }),
          created(one, 4, 'a', null),
          created(one, 5, 'b', null),
          created(one, 6, 'c', 300, { isPending: true }),
          created(one, 7, '', 100),
          created(one, 8, 'a', 800, { classification: aClassification({ tier: 'staging' }) }),
          created(one, 9, 'a', 900, { classification: unfinishedIn('preview') }),
          created(one, 10, 'a', 900, {
            classification: aClassification({ tier: 'canary' }),
            isPending: true,
          }),
          created(two, 1, 'a', 200),
        ];
        for (const pipeline of pipelines) await tx.pipelines.put(pipeline);
      };

      inTransaction(
        'have the creation of the first one found, whatever its kind, but not if it is pending',
        async (tx, one, two) => {
          await fill(tx, one, two);
          expect(await tx.pipelines.firstCreatedAt(one, 'a')).toBe(500);
          expect(await tx.pipelines.firstCreatedAt(two, 'a')).toBe(200);
          expect(await tx.pipelines.firstCreatedAt(one, 'b')).toBeNull();
          expect(await tx.pipelines.firstCreatedAt(one, 'c')).toBeNull();
          expect(await tx.pipelines.firstCreatedAt(one, 'nowhere')).toBeNull();
          await tx.pipelines.releasePending(one);
          expect(await tx.pipelines.firstCreatedAt(one, 'a')).toBe(400);
          expect(await tx.pipelines.firstCreatedAt(one, 'c')).toBe(300);
        },
      );

      inTransaction(
        'have the tiers of their deployments found, without pending ones',
        async (tx, one, two) => {
          await fill(tx, one, two);
          expect([...(await tx.pipelines.tiersOfCommit(one, 'a'))].sort()).toEqual(['production', 'staging']);
          expect(await tx.pipelines.tiersOfCommit(two, 'a')).toEqual(['production']);
          expect(await tx.pipelines.tiersOfCommit(one, 'c')).toEqual([]);
          expect(await tx.pipelines.tiersOfCommit(two, 'b')).toEqual([]);
        },
      );

      inTransaction(
        'give each deployment the time when its commit was first seen, if requested',
        async (tx, one, two) => {
          await fill(tx, one, two);
          const firstSeen = async (selection: Parameters<typeof tx.pipelines.deployments>[0]) =>
            (await collect(tx.pipelines.deployments(selection))).map(({ deployment }) => [
              deployment.repo,
              deployment.number,
              deployment.firstSeenAt,
            ]);
          const production = { repo: one, tier: 'production' };
          expect(await firstSeen({ only: production, withFirstSeen: true })).toEqual([
            [one, 1, 500],
            [one, 4, 500],
            [one, 5, null],
            [one, 7, null],
          ]);
          expect(await firstSeen({ only: production })).toEqual([
            [one, 1, null],
            [one, 4, null],
            [one, 5, null],
            [one, 7, null],
          ]);
          expect((await firstSeen({ withFirstSeen: true })).slice(-2)).toEqual([
            [one, 8, 500],
            [two, 1, 200],
          ]);
        },
      );
    });

    inTransaction(
      'lists all pipelines by repo and number, or the pipelines of one repo',
      async (tx, one, two) => {
        for (const number of [10, 9, 2, 100]) {
          await tx.pipelines.put(pipelineOf(two, number));
          await tx.pipelines.put(pipelineOf(one, number, { isPending: true, classification: unfinished }));
        }
        const seen = (pipelines: StoredPipeline[]) =>
          pipelines.map(({ repo, record }) => [repo, record.number]);
        expect(seen(await collect(tx.pipelines.all()))).toEqual([
          ...[2, 9, 10, 100].map((number) => [one, number]),
          ...[2, 9, 10, 100].map((number) => [two, number]),
        ]);
        expect(seen(await collect(tx.pipelines.all(two)))).toEqual(
          [2, 9, 10, 100].map((number) => [two, number]),
        );
        expect(await collect(tx.pipelines.all(99))).toEqual([]);
      },
    );

    inTransaction(
      'lists the deployments that are not pending, by repo, tier, time and number',
      async (tx, one, two) => {
        const put = (repo: number, number: number, tier: string, at: number, isPending = false) =>
          tx.pipelines.put(
            pipelineOf(repo, number, { classification: aClassification({ tier, at }), isPending }),
          );
        await put(two, 1, 'platform', 50);
        await put(one, 1, 'production', 300);
        await put(one, 11, 'production', 200);
        await put(one, 9, 'production', 200);
        await put(one, 3, 'platform', 900);
        await put(one, 4, 'production', 100, true);
        await tx.pipelines.put(pipelineOf(one, 5, { classification: unfinished }));
        await tx.pipelines.put(pipelineOf(one, 6, { classification: ignoredAs('killed', 'production') }));
        const seen = (found: { tier: string; deployment: { repo: number; number: number; at: number } }[]) =>
          found.map(({ tier, deployment: { repo, number, at } }) => [repo, tier, at, number]);
        expect(seen(await collect(tx.pipelines.deployments()))).toEqual([
          [one, 'platform', 900, 3],
          [one, 'production', 200, 9],
          [one, 'production', 200, 11],
          [one, 'production', 300, 1],
          [two, 'platform', 50, 1],
        ]);
        expect(
          seen(await collect(tx.pipelines.deployments({ only: { repo: one, tier: 'production' } }))),
        ).toEqual([
          [one, 'production', 200, 9],
          [one, 'production', 200, 11],
          [one, 'production', 300, 1],
        ]);
        expect(await collect(tx.pipelines.deployments({ only: { repo: two, tier: 'production' } }))).toEqual(
          [],
        );
        const slices: number[][] = [];
        const only = { repo: one, tier: 'production' };
        for await (const slice of tx.pipelines.deployments({ only, sliceRows: 2 }))
          slices.push(slice.map(({ deployment }) => deployment.number));
        expect(slices).toEqual([[9, 11], [1]]);
        const later = { only: { ...only, after: 200 } };
        expect(seen(await collect(tx.pipelines.deployments(later)))).toEqual([[one, 'production', 300, 1]]);
        expect(
          await collect(tx.pipelines.deployments({ only: { ...only, after: 199 }, sliceRows: 1 })),
        ).toHaveLength(3);
      },
    );

    inTransaction('lists a deployment with all that the figures need', async (tx, repo) => {
      await tx.pipelines.put(
        pipelineOf(repo, 7, {
          told: { startedAt: 1_785_500_000, finishedAt: 1_785_500_060, committedAt: 900 },
          classification: aClassification({
            ...{ outcome: 'failure', isRework: true, at: 1_785_500_030 },
            ...{ startedAt: 1_785_500_000, durationSeconds: 30 },
            reverts: ['6dcb09b', 'a1b2c3d4'],
          }),
          credited: 3,
        }),
      );
      expect(await collect(tx.pipelines.deployments())).toEqual([
        {
          tier: 'production',
          deployment: {
            repo,
            number: 7,
            at: 1_785_500_030,
            knownAfterSeconds: 30,
            outcome: 'failure',
            startedAt: 1_785_500_000,
            durationSeconds: 30,
            isRework: true,
            commit: aRecord().commit,
            event: 'push',
            branch: 'main',
            ref: 'refs/heads/main',
            isRestart: false,
            reverts: ['6dcb09b', 'a1b2c3d4'],
            mark: null,
            committedAt: 900,
            firstSeenAt: null,
            change: null,
            credited: 3,
            repair: null,
            verdict: fine,
          },
        },
      ]);
    });

    inTransaction(
      'lists the uncounted pipelines of a repo within a time, newest first, of one tier or of none',
      async (tx, one, two) => {
        const put = (number: number, at: number, overrides: Parameters<typeof pipelineOf>[2] = {}) =>
          tx.pipelines.put(
            pipelineOf(one, number, {
              classification: ignoredAs('killed', 'production'),
              ...overrides,
              told: { finishedAt: at, ...overrides.told },
            }),
          );
        await put(1, 100);
        await put(2, 101);
        await put(3, 300, { classification: ignoredAs('branch', null) });
        await put(30, 300);
        await put(4, 200, { classification: ignoredAs('killed', 'platform') });
        await put(5, 200, { classification: aClassification({ at: 200 }) });
        await put(6, 200, { isPending: true });
        await put(7, 301);
        const still = { classification: unfinished };
        await put(8, 0, { ...still, told: { finishedAt: null, firstEndReportAt: 250, updatedAt: 299 } });
        await put(9, 0, { ...still, told: { finishedAt: null, updatedAt: 240, createdAt: 90 } });
        await put(10, 0, {
          ...still,
          told: { finishedAt: null, updatedAt: 0, startedAt: null, createdAt: 230 },
        });
        await put(11, 0, {
          ...still,
          told: { finishedAt: null, updatedAt: 0, startedAt: null, createdAt: null },
        });
        await put(13, 0, {
          ...still,
          told: { finishedAt: null, updatedAt: 0, startedAt: 235, createdAt: 90 },
        });
        await tx.pipelines.put(
          pipelineOf(two, 12, { classification: ignoredAs('branch', null), told: { finishedAt: 200 } }),
        );
        const within = { repo: one, tier: 'production', after: 100, until: 300 };
        expect(await collect(tx.pipelines.uncounted(within))).toEqual([
          { number: 30, at: 300, reason: 'killed' },
          { number: 3, at: 300, reason: 'branch' },
          { number: 8, at: 250, reason: null },
          { number: 9, at: 240, reason: null },
          { number: 13, at: 235, reason: null },
          { number: 10, at: 230, reason: null },
          { number: 2, at: 101, reason: 'killed' },
        ]);
        expect(await collect(tx.pipelines.uncounted({ ...within, repo: 99 }))).toEqual([]);
      },
    );

    inTransaction('lists more uncounted pipelines than one slice contains, each once', async (tx, repo) => {
      for (let number = 1; number <= manyRows; number++) {
        const told = { finishedAt: 1000 + (number >> 2) };
        await tx.pipelines.put(pipelineOf(repo, number, { classification: ignoredAs('branch', null), told }));
      }
      const within = { repo, tier: 'production', after: 0, until: 1_000_000 };
      const numbers = (await collect(tx.pipelines.uncounted(within))).map(({ number }) => number);
      expect(numbers).toEqual(Array.from({ length: manyRows }, (_, i) => manyRows - i));
    });

    inTransaction(
      'lists the pending pipelines of a repo by number, and releases them all',
      async (tx, one, two) => {
        for (const number of [10, 9]) await tx.pipelines.put(pipelineOf(one, number, { isPending: true }));
        await tx.pipelines.put(pipelineOf(one, 1, { isPending: true, classification: unfinished }));
        await tx.pipelines.put(pipelineOf(one, 2));
        await tx.pipelines.put(pipelineOf(two, 3, { isPending: true }));
        expect((await collect(tx.pipelines.pending(one))).map(({ record }) => record.number)).toEqual([
          1, 9, 10,
        ]);
        await tx.pipelines.releasePending(one);
        expect(await collect(tx.pipelines.pending(one))).toEqual([]);
        expect(await tx.pipelines.get(one, 9)).toEqual(pipelineOf(one, 9));
        expect(await collect(tx.pipelines.pending(two))).toHaveLength(1);
      },
    );

    inTransaction(
      'finds the failures of a repo that have no workflows and no seen end, newest first',
      async (tx, one, two) => {
        const told = { status: 'failure', hasWorkflows: false, endSeenAt: null };
        for (const number of [1, 2, 3]) {
          await tx.pipelines.put(pipelineOf(one, number, { told: { ...told, finishedAt: 100 * number } }));
        }
        await tx.pipelines.put(pipelineOf(one, 4, { told: { ...told, hasWorkflows: true } }));
        await tx.pipelines.put(pipelineOf(one, 5, { told: { ...told, endSeenAt: 1200 } }));
        await tx.pipelines.put(pipelineOf(one, 6, { told: { ...told, status: 'success' } }));
        await tx.pipelines.put(pipelineOf(two, 7, { told }));
        expect(await tx.pipelines.oldFailures(one, 0, 10)).toEqual([3, 2, 1]);
        expect(await tx.pipelines.oldFailures(one, 0, 2)).toEqual([3, 2]);
        expect(await tx.pipelines.oldFailures(one, 200, 10)).toEqual([3]);
        expect(await tx.pipelines.oldFailures(one, 300, 10)).toEqual([]);
      },
    );

    inTransaction(
      'finds the lowest number updated since a moment, including that moment',
      async (tx, one, two) => {
        for (const [number, updatedAt] of [
          [1, 500],
          [2, 900],
          [3, 1000],
          [4, 400],
          [5, 950],
        ] as const) {
          await tx.pipelines.put(pipelineOf(one, number, { told: { updatedAt } }));
        }
        await tx.pipelines.put(pipelineOf(two, 1, { told: { updatedAt: 9999 } }));
        expect(await tx.pipelines.lowestUpdatedSince(one, 900)).toBe(2);
        expect(await tx.pipelines.lowestUpdatedSince(one, 901)).toBe(3);
        expect(await tx.pipelines.lowestUpdatedSince(one, 0)).toBe(1);
        expect(await tx.pipelines.lowestUpdatedSince(one, 1001)).toBeNull();
        expect(await tx.pipelines.lowestUpdatedSince(99, 0)).toBeNull();
      },
    );

    inTransaction(
      'finds per tier when the latest pipeline of each outcome was created, pending or not, and lists tiers without any',
      async (tx, one, other) => {
        const put = (
          repo: number,
          number: number,
          tier: string,
          outcome: 'success' | 'failure',
          at: number,
          createdAt: number | null,
        ) =>
          tx.pipelines.put(
            pipelineOf(repo, number, {
              record: aRecord({ number, createdAt }),
              classification: aClassification({ tier, outcome, at }),
              isPending: number % 2 === 0,
            }),
          );
        await put(one, 1, 'production', 'success', 1300, 1010);
        await put(one, 2, 'production', 'failure', 1150, 1020);
        await put(one, 3, 'production', 'success', 1200, 1030);
        await put(one, 4, 'staging', 'failure', 1100, null);
        await put(other, 1, 'staging', 'success', 1100, 1000);
        await tx.pipelines.put(pipelineOf(one, 5, { classification: ignoredAs('killed', 'preview') }));
        await tx.pipelines.put(pipelineOf(one, 6, { classification: ignoredAs('branch', null) }));
        const told = [...(await tx.pipelines.outcomes(one))].map(([tier, latest]) => [
          tier,
          Object.fromEntries(latest),
        ]);
        expect(Object.fromEntries(told)).toEqual({
          production: { failure: 1020, success: 1010 },
          staging: { failure: 1100 },
          preview: {},
        });
        expect(await tx.pipelines.outcomes(99)).toEqual(new Map());
      },
    );

    inTransaction('counts ignored pipelines by every reason, pending or not', async (tx, repo) => {
      await tx.pipelines.put(pipelineOf(repo, 1, { classification: ignoredAs('killed', 'production') }));
      await tx.pipelines.put(pipelineOf(repo, 2, { classification: ignoredAs('branch', null) }));
      await tx.pipelines.put(
        pipelineOf(repo, 3, { classification: ignoredAs('branch', null), isPending: true }),
      );
      await tx.pipelines.put(pipelineOf(repo, 4));
      await tx.pipelines.put(pipelineOf(repo, 5, { classification: unfinished }));
      const none = Object.fromEntries(ignoreReasons.map((reason) => [reason, 0]));
      expect(Object.fromEntries(await tx.pipelines.ignoredCounts())).toEqual({
        ...none,
        branch: 2,
        killed: 1,
      });
    });

    inTransaction(
      'counts deployments by tier and event, the most frequent event of a tier first',
      async (tx, repo) => {
        const events = ['push', 'cron', 'cron', null, null, null];
        for (const [index, event] of events.entries()) {
          await tx.pipelines.put(
            pipelineOf(repo, index + 1, {
              told: { event },
              classification: aClassification({ tier: 'staging' }),
              isPending: index === 0,
            }),
          );
        }
        await tx.pipelines.put(pipelineOf(repo, 50, { told: { event: 'deployment' } }));
        await tx.pipelines.put(pipelineOf(repo, 51, { classification: unfinished }));
        await tx.pipelines.put(pipelineOf(repo, 52, { classification: ignoredAs('killed', 'staging') }));
        expect(await tx.pipelines.eventCounts()).toEqual([
          { tier: 'production', event: 'deployment', deployments: 1 },
          { tier: 'staging', event: 'unknown', deployments: 3 },
          { tier: 'staging', event: 'cron', deployments: 2 },
          { tier: 'staging', event: 'push', deployments: 1 },
        ]);
      },
    );

    describe('in more rows than one slice contains', () => {
      /**
       * Fills two repos with `manyRows` pipelines each, many of which end in the same second. In the first repo,
       * every other one is pending.
       */
      const fill = async (tx: Transaction, one: number, two: number): Promise<void> => {
        for (let number = manyRows; number >= 1; number--) {
          const classification = aClassification({ at: 1 + (number % 3) });
          await tx.pipelines.put(pipelineOf(one, number, { classification, isPending: number % 2 === 0 }));
          await tx.pipelines.put(pipelineOf(two, number, { classification }));
        }
      };
      const numbers = Array.from({ length: manyRows }, (_, index) => index + 1);

      inTransaction('are listed once each, in order', async (tx, one, two) => {
        await fill(tx, one, two);
        const all = await collect(tx.pipelines.all());
        expect(all.map(({ repo, record }) => repo * 100_000 + record.number)).toEqual(
          [one, two].flatMap((repo) => numbers.map((number) => repo * 100_000 + number)),
        );
        expect((await collect(tx.pipelines.all(two))).map(({ record }) => record.number)).toEqual(numbers);

        const byTime = [3, 1, 2].flatMap((rest) => numbers.filter((number) => number % 3 === rest % 3));
        const deployments = await collect(
          tx.pipelines.deployments({ only: { repo: two, tier: 'production' } }),
        );
        expect(deployments.map(({ deployment }) => deployment.number)).toEqual(byTime);
        const everywhere = await collect(tx.pipelines.deployments());
        expect(everywhere.map(({ deployment: { repo, number } }) => repo * 100_000 + number)).toEqual([
          ...byTime.filter((number) => number % 2 === 1).map((number) => one * 100_000 + number),
          ...byTime.map((number) => two * 100_000 + number),
        ]);

        const even = numbers.filter((number) => number % 2 === 0);
        expect((await collect(tx.pipelines.pending(one))).map(({ record }) => record.number)).toEqual(even);
        await tx.pipelines.releasePending(one);
        expect(await collect(tx.pipelines.pending(one))).toEqual([]);
        expect(
          await collect(tx.pipelines.deployments({ only: { repo: one, tier: 'production' } })),
        ).toHaveLength(manyRows);
      });

      inTransaction('are listed once each while they are rewritten', async (tx, one, two) => {
        await fill(tx, one, two);
        const seen: number[] = [];
        for await (const slice of tx.pipelines.all(one)) {
          for (const pipeline of slice) {
            seen.push(pipeline.record.number);
            await tx.pipelines.put({ ...pipeline, classification: unfinished, isPending: false });
          }
        }
        expect(seen).toEqual(numbers);
        expect(await collect(tx.pipelines.deployments())).toHaveLength(manyRows);
        const even = numbers.filter((number) => number % 2 === 0).length;
        const held: number[] = [];
        for await (const slice of tx.pipelines.pending(one))
          held.push(...slice.map(({ record }) => record.number));
        expect(held).toEqual([]);
        for (const number of numbers)
          if (number % 2 === 0) await tx.pipelines.put(pipelineOf(two, number, { isPending: true }));
        let credited = 0;
        for await (const slice of tx.pipelines.pending(two)) {
          for (const { record } of slice) {
            await tx.pipelines.setCredited(placeOf(two, record.number), 33);
            credited++;
          }
        }
        expect(credited).toBe(even);
      });
    });
  });

  describe('pairs', () => {
    inTransaction('exist once per repo and tier', async (tx, one, two) => {
      const totals = {
        counters: { ...zeroTotals.counters, dora_deployments_total: 3 },
        histograms: { ...zeroTotals.histograms, h: { counts: [1, 0, 2], sum: 123_456.5 } },
      };
      await tx.pairs.put(aPair({ repo: one, tier: 'a' }));
      await tx.pairs.put(aPair({ repo: one, tier: 'b' }));
      await tx.pairs.put(aPair({ repo: two, tier: 'a' }));
      await tx.pairs.put(aPair({ repo: one, tier: 'a', isKnown: false, totals }));
      const pairs = (await tx.pairs.all()).toSorted((x, y) => x.repo - y.repo || (x.tier < y.tier ? -1 : 1));
      expect(pairs).toEqual([
        aPair({ repo: one, tier: 'a', isKnown: false, totals }),
        aPair({ repo: one, tier: 'b' }),
        aPair({ repo: two, tier: 'a' }),
      ]);
    });
  });

  describe('follows', () => {
    const follow = (target: Follow['target'], number: number, overrides: Partial<Follow> = {}): Follow => ({
      target,
      number,
      createdAt: 1000,
      polledAt: null,
      hintedAt: null,
      ...overrides,
    });

    inTransaction('exist once per target and number, ignoring the case of names', async (tx) => {
      await tx.follows.put(follow(11, 1));
      await tx.follows.put(follow('11', 1));
      await tx.follows.put(follow('acme/shop', 1));
      await tx.follows.put(follow('acme/shop', 2));
      await tx.follows.put(follow('Acme/Shop', 1, { polledAt: 1500, hintedAt: 1600 }));
      await tx.follows.put(follow(11, 1, { createdAt: 900 }));
      const all = await tx.follows.all();
      expect(all).toHaveLength(4);
      expect(all).toEqual(
        expect.arrayContaining([
          follow(11, 1, { createdAt: 900 }),
          follow('11', 1),
          follow('Acme/Shop', 1, { polledAt: 1500, hintedAt: 1600 }),
          follow('acme/shop', 2),
        ]),
      );
    });

    inTransaction('are dropped by target and number, and no others with them', async (tx) => {
      await tx.follows.put(follow('acme/shop', 1));
      await tx.follows.put(follow('acme/shop', 2));
      await tx.follows.drop(follow('ACME/shop', 1, { createdAt: 77 }));
      await tx.follows.drop(follow(11, 2));
      expect(await tx.follows.all()).toEqual([follow('acme/shop', 2)]);
    });
  });

  describe('incidents', () => {
    const alert = (id: string, overrides: Partial<TrackedAlert> = {}): TrackedAlert => ({
      kind: 'alert',
      id,
      labels: { alertname: 'Down', namespace: 'shöp' },
      labelsAt: 1100,
      reports: [
        { start: 1000, end: null, receivedAt: 1100, isDismissed: false, title: 'Down', url: null },
        { start: 1000, end: 1200, receivedAt: 1210, isDismissed: true, title: null, url: 'https://a/b' },
      ],
      bound: { name: 'acme/shop', repo: 1 },
      counted: 1,
      ...overrides,
    });
    const report: TrackedReport = {
      kind: 'report',
      id: 'INC-12',
      report: saidAt({ repo: 'acme/shop', tier: 'production', started: 1000, resolved: null }, 1010),
      bound: null,
      counted: 0,
    };

    inTransaction('exist once per alert and per report id, as last put', async (tx) => {
      await tx.incidents.put(alert('INC-12'));
      await tx.incidents.put(report);
      await tx.incidents.put(alert('INC-12', { counted: 2 }));
      expect(await tx.incidents.get('alert/INC-12')).toEqual(alert('INC-12', { counted: 2 }));
      expect(await tx.incidents.get('report/INC-12')).toEqual(report);
      expect(await tx.incidents.get('report/INC-1')).toBeNull();
    });

    it('are all listed, by key, however many there are', async () => {
      const ids = Array.from({ length: 450 }, (_, index) => `f${1000 + index}`);
      await store.transact(async (tx) => {
        for (const id of ids.toReversed()) await tx.incidents.put(alert(id));
        expect((await collect(tx.incidents.all())).map(({ id }) => id)).toEqual(ids);
      });
    });
  });

  describe('marks', () => {
    inTransaction(
      'exist once per pipeline and tier, as last put, until they are dropped',
      async (tx, repo) => {
        const mark = (number: number, tier: string, kind: OperatorMark): StoredMark => ({
          repo,
          number,
          tier,
          mark: kind,
          reason: null,
          markedAt: 1000,
        });
        const failed = mark(1, 'production', { kind: 'failed', recoveredAt: null });
        const recovered: StoredMark = {
          ...mark(1, 'production', { kind: 'failed', recoveredAt: 2000 }),
          reason: 'Pager',
        };
        await tx.marks.put(failed);
        await tx.marks.put(mark(1, 'staging', { kind: 'ignore' }));
        await tx.marks.put(mark(2, 'production', { kind: 'fine' }));
        await tx.marks.put(recovered);
        await tx.marks.drop({ repo, number: 2, tier: 'production' });
        await tx.marks.drop({ repo, number: 2, tier: 'staging' });
        const all = await tx.marks.all();
        expect(all).toHaveLength(2);
        expect(all).toEqual(expect.arrayContaining([recovered, mark(1, 'staging', { kind: 'ignore' })]));
      },
    );
  });

  describe('the next policy', () => {
    const inStaging = aClassification({ tier: 'staging' });
    const tiersIn = async (table: Transaction['pipelines']) =>
      (await collect(table.deployments())).map(({ tier }) => tier);

    it('has its own classification of a pipeline beside the active one, until the two are exchanged', async () => {
      const underActive = (repo: number) => pipelineOf(repo, 1, { credited: 5 });
      const next = (repo: number) => pipelineOf(repo, 1, { classification: inStaging, credited: 9 });
      const repo = await store.transact(async (tx) => {
        const repo = await addRepo(tx, 11);
        await tx.pipelines.put(underActive(repo));
        await tx.next.reclassify(next(repo));
        return repo;
      });
      await store.transact(async (tx) => {
        expect(await tx.pipelines.get(repo, 1)).toEqual(underActive(repo));
        expect(await tx.next.get(repo, 1)).toEqual(next(repo));
        expect(await tiersIn(tx.pipelines)).toEqual(['production']);
        expect(await tiersIn(tx.next)).toEqual(['staging']);
        await tx.exchange();
      });
      await store.transact(async (tx) => {
        expect(await tx.pipelines.get(repo, 1)).toEqual(next(repo));
        expect(await tx.next.get(repo, 1)).toEqual(underActive(repo));
        expect((await tx.pipelines.eventCounts()).map(({ tier }) => tier)).toEqual(['staging']);
      });
    });

    it('is not exchanged if the transaction fails', async () => {
      await store.transact(async (tx) => tx.pipelines.put(pipelineOf(await addRepo(tx, 11), 1)));
      const attempt = store.transact(async (tx) => {
        await tx.exchange();
        throw new Error('Not today');
      });
      await expect(attempt).rejects.toThrow('Not today');
      expect(await store.transact((tx) => tiersIn(tx.pipelines))).toEqual(['production']);
    });

    inTransaction(
      'is compared with the active policy pipeline by pipeline, and is empty at first',
      async (tx, repo) => {
        for (const number of [1, 2, 3]) await tx.pipelines.put(pipelineOf(repo, number));
        await tx.next.reclassify(pipelineOf(repo, 2, { classification: ignoredIn(null, 'branch') }));
        const compared = await tx.next.compare({ repo, number: -1 }, 2);
        expect(compared.map(({ active }) => active)).toEqual([pipelineOf(repo, 1), pipelineOf(repo, 2)]);
        expect(compared.map(({ next }) => next.classification)).toEqual([
          { tiers: [], reason: null },
          { tiers: [], reason: 'branch' },
        ]);
        expect(await tx.next.compare({ repo, number: 2 }, 2)).toHaveLength(1);
        expect(await tx.next.compare({ repo, number: 3 }, 2)).toEqual([]);
      },
    );

    inTransaction(
      'keeps its classification when a pipeline is put, and loses it with the repo',
      async (tx, repo) => {
        await tx.pipelines.put(pipelineOf(repo, 1));
        await tx.next.reclassify(pipelineOf(repo, 1, { classification: inStaging }));
        await tx.pipelines.put(pipelineOf(repo, 1, { told: { message: 'another' } }));
        expect(await tiersIn(tx.next)).toEqual(['staging']);
        await tx.repos.drop(repo);
        expect(await tiersIn(tx.next)).toEqual([]);
      },
    );

    inTransaction('releases pending pipelines too', async (tx, repo) => {
      await tx.pipelines.put(pipelineOf(repo, 1, { isPending: true }));
      await tx.next.reclassify(pipelineOf(repo, 1, { isPending: true }));
      expect(await tiersIn(tx.next)).toEqual([]);
      await tx.pipelines.releasePending(repo);
      expect(await tiersIn(tx.next)).toEqual(['production']);
    });
  });

  describe('backfills', () => {
    inTransaction('are listed newest first, as many as requested', async (tx) => {
      for (const [id, startedAtMs] of [
        ['b', 2000],
        ['a', 3000],
        ['c', 1000],
        ['d', 2000],
      ] as const) {
        await tx.backfills.put({ id, startedAtMs, summary: `{"id":"${id}"}` });
      }
      expect((await tx.backfills.newest(3)).map(({ id }) => id)).toEqual(['a', 'd', 'b']);
      expect(await tx.backfills.newest(1)).toEqual([{ id: 'a', startedAtMs: 3000, summary: '{"id":"a"}' }]);
      expect(await tx.backfills.newest(100)).toHaveLength(4);
    });

    inTransaction('are dropped except for the newest', async (tx) => {
      for (const startedAtMs of [3000, 1000, 4000, 2000]) {
        await tx.backfills.put({ id: `at-${startedAtMs}`, startedAtMs, summary: '{}' });
      }
      await tx.backfills.keepNewest(3);
      expect((await tx.backfills.newest(100)).map(({ id }) => id)).toEqual(['at-4000', 'at-3000', 'at-2000']);
      await tx.backfills.keepNewest(10);
      expect(await tx.backfills.newest(100)).toHaveLength(3);
    });

    inTransaction('are replaced by id', async (tx) => {
      await tx.backfills.put({ id: 'a', startedAtMs: 1000, summary: 'running' });
      await tx.backfills.put({ id: 'a', startedAtMs: 1000, summary: 'done' });
      expect(await tx.backfills.newest(10)).toEqual([{ id: 'a', startedAtMs: 1000, summary: 'done' }]);
    });
  });
});
