import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { classificationVersion } from '../../src/core/classification.ts';
import type { Policy } from '../../src/core/policy.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import type { State } from '../../src/core/series/state.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreUnusable } from '../../src/store/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { loadState } from '../support/load-state.ts';
import { aPolicy, aRecord } from '../support/records.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

describe('migrate', () => {
  let database: DatabaseSync;

  beforeEach(() => {
    database = new DatabaseSync(':memory:');
  });

  afterEach(() => {
    database.close();
  });

  const numberOf = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
  const schema = () => database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  /** "Dora" in ASCII. */
  const applicationId = 0x446f7261;

  it('migrates a new database to the current version, and marks it as ours', () => {
    migrate(database);
    expect(numberOf('user_version')).toBeGreaterThanOrEqual(1);
    expect(numberOf('application_id')).toBe(applicationId);
  });

  it('applies each migration once, and keeps the content', () => {
    migrate(database);
    const before = schema();
    database.exec("INSERT INTO meta (key, value) VALUES ('policy', 'a')");
    migrate(database);
    expect(schema()).toEqual(before);
    expect(database.prepare('SELECT value FROM meta').all()).toEqual([{ value: 'a' }]);
  });

  it.each([
    ['tables and no id', 'CREATE TABLE songs (title TEXT)'],
    ['tables and another id', 'CREATE TABLE songs (title TEXT); PRAGMA application_id = 1196444487'],
    ['a version and nothing else', 'PRAGMA user_version = 1'],
  ])("refuses another program's database, with %s, and leaves it alone", (_, sql) => {
    database.exec(sql);
    const before = [schema(), numberOf('user_version'), numberOf('application_id')];
    expect(() => migrate(database)).toThrow(StoreUnusable);
    expect([schema(), numberOf('user_version'), numberOf('application_id')]).toEqual(before);
  });

  it('leaves nothing behind if a migration fails', () => {
    database.exec('PRAGMA query_only = ON');
    expect(() => migrate(database)).toThrow();
    database.exec('PRAGMA query_only = OFF');
    expect(schema()).toEqual([]);
    expect(numberOf('user_version')).toBe(0);
    expect(database.isTransaction).toBe(false);
    migrate(database);
    expect(numberOf('application_id')).toBe(applicationId);
  });
});

describe('a database of version 1', () => {
  const policy = aPolicy({ rework: { branches: ['hotfix/*'], message: [] } });
  const waivedThen = 0x7fff_ffff;
  /** The ledger entries of version 1: deployment, failure, recovery, duration. */
  const [deployment, failure, recovery, duration] = [1, 2, 8, 32];
  let folder: TemporaryFolder;

  beforeEach(() => {
    folder = createTemporaryFolder();
  });

  afterEach(() => {
    folder.remove();
  });

  interface Row {
    readonly repo: number;
    readonly number: number;
    readonly createdAt?: number;
    /** Outcome, creation and end of a pipeline that has ended. */
    readonly ended?: readonly ['success' | 'failure', createdAt: number | null, endedAt: number];
    readonly branch?: string;
    readonly commit?: string;
    readonly committedAt?: number;
    readonly credited?: number;
    readonly isPending?: boolean;
  }

  const totalsThen = {
    counters: { dora_deployments_total: 5, dora_deployment_failures_total: 2 },
    histograms: {
      dora_deployment_recovery_time_seconds: { counts: [0, 1, 0, 0, 0, 0, 0, 0, 0, 0], sum: 400 },
      dora_deployment_duration_seconds: { counts: [0, 5, 0, 0, 0, 0, 0, 0, 0, 0], sum: 250 },
    },
  };

  function createVersion1(): string {
    const path = folder.pathOf('dora.db');
    const database = new DatabaseSync(path);
    const first = new URL('../../src/store/migrations/0001-initial.sql', import.meta.url);
    database.exec(readFileSync(first, 'utf8'));
    database.exec('PRAGMA user_version = 1; PRAGMA application_id = 0x446f7261');

    const addRepo = database.prepare(
      `INSERT INTO repos (key, woodpecker_id, full_name, named_at, default_branches, horizon, is_revealed, is_gone, scan)
         VALUES (?, ?, ?, ?, '["main"]', ?, ?, 0, '{"watermark":null,"scannedAt":null,"covered":null}')`,
    );
    const repos: readonly [key: number, namedAt: number, horizon: number | null, isRevealed: 0 | 1][] = [
      [1, 9000, 500, 1],
      [2, 9000, null, 1],
      [3, 9000, null, 1],
      [4, 9000, null, 1],
      [5, 9000, 500, 0],
      [6, 9000, null, 1],
    ];
    for (const [key, namedAt, horizon, isRevealed] of repos) {
      addRepo.run(key, 10 + key, `acme/repo-${key}`, namedAt, horizon, isRevealed);
    }

    const addPipeline = database.prepare(
      `INSERT INTO pipelines (repo, number, id, status, event, branch, deploy_to, commit_sha, message, from_fork,
         created_at, started_at, finished_at, updated_at, committed_at, has_workflows, from_rest, tier, outcome,
         deployed_at, is_rework, is_held, credited)
       VALUES (?, ?, ?, ?, 'push', ?, '', ?, 'a message', 0, ?, ?, ?, ?, ?, 1, 1, 'unassigned', ?, ?, ?, ?, ?)`,
    );
    const add = ({ repo, number, ended, ...row }: Row) => {
      const [outcome = null, createdAt = row.createdAt ?? null, endedAt = null] = ended ?? [];
      addPipeline.run(
        repo,
        number,
        100 * repo + number,
        outcome ?? 'running',
        row.branch ?? 'main',
        row.commit ?? `commit-${number}`,
        createdAt,
        endedAt === null ? null : endedAt - 50,
        endedAt,
        endedAt ?? 8000,
        row.committedAt ?? null,
        outcome,
        endedAt,
        Number(row.branch?.startsWith('hotfix/') ?? false),
        Number(row.isPending ?? false),
        row.credited ?? 0,
      );
    };

    const rows: readonly Row[] = [
      // Older than the horizon: shown, but never counted.
      { repo: 1, number: 1, ended: ['success', 400, 450], branch: 'hotfix/0', credited: waivedThen },
      { repo: 1, number: 2, ended: ['success', 600, 1000], credited: deployment | duration },
      {
        repo: 1,
        number: 3,
        ended: ['failure', 1900, 2000],
        branch: 'hotfix/1',
        credited: deployment | failure | duration,
      },
      {
        repo: 1,
        number: 4,
        ended: ['success', 2300, 2400],
        branch: 'hotfix/1',
        commit: 'commit-3',
        credited: deployment | recovery | duration,
      },
      {
        repo: 1,
        number: 5,
        ended: ['success', 2900, 3000],
        commit: 'commit-3',
        credited: deployment | duration,
      },
      { repo: 1, number: 6, ended: ['failure', 3900, 4000], credited: deployment | failure | duration },
      { repo: 1, number: 7, createdAt: 4900 },
      { repo: 2, number: 1, ended: ['success', 700, 800], committedAt: 300, credited: deployment | duration },
      { repo: 2, number: 2, createdAt: 600 },
      { repo: 3, number: 1, ended: ['success', null, 1200], credited: deployment | duration },
      { repo: 3, number: 2, ended: ['success', 1300, 1400], credited: deployment | duration },
      { repo: 5, number: 1, ended: ['success', 700, 800], isPending: true },
      { repo: 6, number: 1 },
    ];
    for (const row of rows) add(row);

    const addPair = database.prepare('INSERT INTO pairs (repo, tier, is_known, totals) VALUES (?, ?, ?, ?)');
    addPair.run(1, 'unassigned', 1, JSON.stringify(totalsThen));
    addPair.run(2, 'unassigned', 1, JSON.stringify(totalsThen));
    const { tiers, defaultTier, deployments, rework }: Policy = policy;
    database
      .prepare("INSERT INTO meta (key, value) VALUES ('policy', ?)")
      .run(JSON.stringify([classificationVersion, tiers, defaultTier, deployments, rework]));
    database.close();
    return path;
  }

  const load = async (path: string, mode: Partial<IntakeMode> = {}): Promise<State> => {
    const store = openSqliteStore(path);
    const { state } = await loadState(store, { policy, canAsk: true, ...mode }, 10_000);
    await store.close();
    return state;
  };
  const totalsOf = (state: State, repo: number) => state.pairs.get(pairKey(repo, 'unassigned'))?.totals;

  it('is migrated, and each shown repo receives the time since which it is known', () => {
    const database = new DatabaseSync(createVersion1());
    migrate(database);
    expect(database.prepare('PRAGMA user_version').get()?.['user_version']).toBeGreaterThanOrEqual(2);
    expect(database.prepare('SELECT key, known_since FROM repos ORDER BY key').all()).toEqual([
      // The horizon of the repo.
      { key: 1, known_since: 500 },
      // The creation of the first pipeline.
      { key: 2, known_since: 600 },
      // The end of the first deployment, whose creation is unknown.
      { key: 3, known_since: 1200 },
      // The time of the name, as there is no pipeline.
      { key: 4, known_since: 9000 },
      // The repo is not shown yet.
      { key: 5, known_since: null },
      // The last update of the only pipeline.
      { key: 6, known_since: 8000 },
    ]);
    expect(database.prepare('SELECT COUNT(*) AS n FROM pipelines').get()).toEqual({ n: 13 });
    expect(database.prepare('SELECT COUNT(*) AS n FROM changes').get()).toEqual({ n: 0 });
    database.close();
  });

  it('keeps its totals, and starts new ledger entries at their exact counts', async () => {
    const path = createVersion1();
    const state = await load(path);
    expect(totalsOf(state, 1)).toEqual({
      counters: {
        ...totalsThen.counters,
        // Pipelines 3 and 4. Pipeline 1 is older than the horizon.
        dora_deployment_reworks_total: 2,
        'dora_deployment_failures_by_cause_total pipeline': 2,
        // Pipelines 2 and 4. Pipeline 5 is a restart of 4.
        dora_change_lead_time_unknown_total: 2,
      },
      histograms: { ...totalsThen.histograms },
    });
    expect(totalsOf(state, 2)).toEqual({
      counters: { ...totalsThen.counters },
      histograms: {
        ...totalsThen.histograms,
        // A step had reported the commit time, 500 seconds before the end.
        dora_change_lead_time_seconds: { counts: [0, 1, 0, 0, 0, 0, 0, 0, 0, 0], sum: 500 },
      },
    });
    const again = await load(path);
    expect([...again.pairs]).toEqual([...state.pairs]);
  });

  it('starts without lead times if a forge is set, since old ones would arrive bit by bit', async () => {
    const path = createVersion1();
    const state = await load(path, { asksForge: true });
    expect(totalsOf(state, 1)).toEqual({
      counters: {
        ...totalsThen.counters,
        dora_deployment_reworks_total: 2,
        'dora_deployment_failures_by_cause_total pipeline': 2,
      },
      histograms: { ...totalsThen.histograms },
    });
    expect(totalsOf(state, 2)).toEqual(totalsThen);
    expect([...(await load(path, { asksForge: true })).pairs]).toEqual([...state.pairs]);

    const store = openSqliteStore(path);
    const mode: IntakeMode = { policy, canAsk: true, asksForge: true };
    const loaded = await loadState(store, mode, 10_000);
    const ingest = createIngest({ store, state: loaded.state, mode, clock: createFakeClock(10_000) });
    const learn = (number: number, base: string | null, head: string) => {
      const added = [{ id: head, committedAt: 100, isMerge: false }];
      const change = { base, head, range: { added, removed: [] } };
      const answer = { repo: 2, tier: 'unassigned', number, change, commit: null, isOlder: false };
      return ingest.submit({ kind: 'commits', answers: [answer] });
    };
    await learn(1, null, 'commit-1');
    expect(totalsOf(ingest.state, 2)).toEqual(totalsThen);
    // Deployments from now on count.
    const record = aRecord({ number: 3, id: 203, commit: 'commit-3', finishedAt: 9000 });
    await ingest.submit({ kind: 'observe', repo: 2, record });
    await learn(3, 'commit-1', 'commit-3');
    expect(totalsOf(ingest.state, 2)?.histograms['dora_change_lead_time_seconds']).toEqual({
      counts: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      sum: 8900,
    });
    await store.close();
  });
});
