import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { type Cause, causes } from '../../src/core/verdict.ts';
import type { ExplanationJson } from '../../src/http/explanation-schemas.ts';
import type { DoraJson } from '../../src/http/schemas.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { deliverPage, endFirstScan } from '../support/deliver.ts';
import { parseMetrics } from '../support/exporter-process.ts';
import { aPolicy, aRecord } from '../support/records.ts';
import { createSmallExporter, knowSince, noon, type SmallExporter } from '../support/small-exporter.ts';

type App = ReturnType<SmallExporter['app']>;
type Dora = z.infer<typeof DoraJson>;

const hour = 3600;
const day = 24 * hour;
const iso = (at: number) => new Date(at * 1000).toISOString().replace('.000Z', 'Z');

const policy = aPolicy({
  tiers: [{ tier: 'production', deployTo: ['production'] }],
  rework: { branches: ['hotfix/*'], message: [] },
});

interface Told {
  readonly number: number;
  readonly at: number;
  readonly [key: string]: unknown;
}

/** Posts a step's report of each, a deployment of main to production where not told otherwise. */
async function tell(exporter: SmallExporter, ...all: readonly Told[]): Promise<void> {
  for (const { at, ...told } of all) {
    await exporter.receive({
      repo: 'acme/shop',
      status: 'success',
      event: 'deployment',
      branch: 'main',
      deploy_to: 'production',
      commit: `c${told.number}`,
      finished: at,
      ...told,
    });
  }
}

async function get<T>(app: App, path: string): Promise<T> {
  const response = await app.request(path);
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
}

const explain = (app: App, query = 'repo=acme/shop&tier=production&window=30d') =>
  get<ExplanationJson>(app, `/api/explain?${query}`);

describe('GET /api/explain', () => {
  it('tells the whole of a story', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(
      exporter,
      { number: 1, at: noon - 31 * day, status: 'failure' },
      { number: 2, at: noon - 29 * day, commit_time: noon - 29 * day - 2 * hour },
      { number: 3, at: noon - 20 * day, event: 'pull_request' },
      { number: 4, at: noon - 10 * day, status: 'failure', branch: 'hotfix/cart' },
      { number: 5, at: noon - 9 * day, status: 'killed' },
      { number: 6, at: noon - 8 * day, status: 'failure' },
      { number: 7, at: noon - 7 * day, commit: 'c2' },
      { number: 8, at: noon - 6 * day },
      { number: 9, at: 0, status: 'running', started: noon - hour },
      { number: 10, at: noon - 300, status: 'failure' },
      { number: 11, at: noon - 200, deploy_to: 'staging' },
    );
    const pipeline = { repo_id: null, url: null, event: 'deployment', branch: 'main', message: '' };
    const wentWell = { failure: null, repairs: null, mark: null, rework: false };
    const counted = { ...pipeline, deploy_to: 'production', counted: true, ...wentWell };
    const failed = { causes: ['pipeline'], shown_by: [], incidents: [] };
    const open = { ...failed, recovered: null, recovered_by: null, repaired_by: null };
    const repaired = {
      ...failed,
      recovered: '2026-07-24T12:20:50Z',
      recovered_by: 'deployment',
      repaired_by: 7,
    };
    expect(await explain(exporter.app())).toEqual({
      repo: 'acme/shop',
      tier: 'production',
      window: { name: '30d', seconds: 2_592_000, from: '2026-07-01T12:20:50Z', to: '2026-07-31T12:20:50Z' },
      figures: {
        deployments: 6,
        failed_deployments: 3,
        failed_deployments_by_cause: { pipeline: 3 },
        rework_deployments: 1,
        // Nothing is known of the time before the first webhook.
        deployments_per_day: null,
        change_fail_rate: 0.5,
        deployment_rework_rate: 1 / 6,
        change_lead_time_seconds: { samples: 1, median: 7200, p95: 7200 },
        failed_deployment_recovery_time_seconds: { samples: 2, median: 216_000, p95: 254_880 },
        coverage_ratio: 0,
      },
      failing_since: '2026-07-31T12:15:50Z',
      without_lead_time: { nothing_new: 1, pending: 0, unknown: 1 },
      not_counted: [
        { reason: 'killed', pipelines: 1 },
        { reason: 'not_ended', pipelines: 1 },
        { reason: 'pull_request', pipelines: 1 },
      ],
      pipelines: [
        {
          ...counted,
          number: 10,
          at: '2026-07-31T12:15:50Z',
          status: 'failure',
          commit: 'c10',
          outcome: 'failure',
          failure: open,
          episode: { kind: 'opened', failing_since: '2026-07-31T12:15:50Z' },
          lead_time: null,
        },
        {
          ...pipeline,
          deploy_to: 'production',
          counted: false,
          number: 9,
          at: '2026-07-31T11:20:50Z',
          status: 'running',
          commit: 'c9',
          reason: 'not_ended',
        },
        {
          ...counted,
          number: 8,
          at: '2026-07-25T12:20:50Z',
          status: 'success',
          commit: 'c8',
          outcome: 'success',
          episode: { kind: 'none' },
          lead_time: { kind: 'unknown' },
        },
        {
          ...counted,
          number: 7,
          at: '2026-07-24T12:20:50Z',
          status: 'success',
          commit: 'c2',
          outcome: 'success',
          episode: { kind: 'closed', failing_since: '2026-07-21T12:20:50Z', recovery_seconds: 259_200 },
          lead_time: { kind: 'nothing_new' },
        },
        {
          ...counted,
          number: 6,
          at: '2026-07-23T12:20:50Z',
          status: 'failure',
          commit: 'c6',
          outcome: 'failure',
          failure: repaired,
          episode: { kind: 'continued', failing_since: '2026-07-21T12:20:50Z' },
          lead_time: null,
        },
        {
          ...pipeline,
          deploy_to: 'production',
          counted: false,
          number: 5,
          at: '2026-07-22T12:20:50Z',
          status: 'killed',
          commit: 'c5',
          reason: 'killed',
        },
        {
          ...counted,
          number: 4,
          branch: 'hotfix/cart',
          at: '2026-07-21T12:20:50Z',
          status: 'failure',
          commit: 'c4',
          outcome: 'failure',
          failure: repaired,
          rework: true,
          episode: { kind: 'opened', failing_since: '2026-07-21T12:20:50Z' },
          lead_time: null,
        },
        {
          ...pipeline,
          deploy_to: 'production',
          counted: false,
          event: 'pull_request',
          number: 3,
          at: '2026-07-11T12:20:50Z',
          status: 'success',
          commit: 'c3',
          reason: 'pull_request',
        },
        {
          ...counted,
          number: 2,
          at: '2026-07-02T12:20:50Z',
          status: 'success',
          commit: 'c2',
          outcome: 'success',
          // The failure that opened it lies before the window.
          episode: { kind: 'closed', failing_since: '2026-06-30T12:20:50Z', recovery_seconds: 172_800 },
          lead_time: { kind: 'known', source: 'report', commits: [{ id: 'c2', seconds: 7200 }] },
        },
      ],
      truncated: false,
      next: null,
    });
  });

  it('lists what a step reports for a tier that does not count, with or without a start or a finish', async () => {
    const exporter = await createSmallExporter({ policy });
    const report = { repo: 'acme/shop', tier: 'production' };
    await exporter.receive({ ...report, number: 1, status: 'success', finished: noon - 400 });
    await exporter.receive({ ...report, number: 2, status: 'killed', finished: noon - 300 });
    await exporter.receive({
      ...{ ...report, number: 3, status: 'killed', started: noon - 290, finished: noon - 200 },
    });
    await exporter.receive({ ...report, number: 4, status: 'killed' });
    const { pipelines, not_counted } = await explain(exporter.app());
    const reasonOf = (one: (typeof pipelines)[number]) => (one.counted ? 'counted' : one.reason);
    expect(pipelines.map((one) => [one.number, one.at, reasonOf(one)])).toEqual([
      [4, '2026-07-31T12:20:50Z', 'killed'],
      [3, '2026-07-31T12:17:30Z', 'killed'],
      [2, '2026-07-31T12:15:50Z', 'killed'],
      [1, '2026-07-31T12:14:10Z', 'counted'],
    ]);
    expect(not_counted).toEqual([{ reason: 'killed', pipelines: 3 }]);
  });

  it('says which part of a pipeline did not run, and where it stopped', async () => {
    const exporter = await createSmallExporter({
      policy: aPolicy({
        tiers: [
          { tier: 'staging', workflows: ['deploy'], steps: ['stage'] },
          { tier: 'production', workflows: ['deploy'], steps: ['ship', 'publish-*'] },
        ],
      }),
    });
    const times = { created: noon - 200, started: noon - 190, finished: noon - 100, updated: noon - 100 };
    await exporter.receive({
      repo: { id: 11, full_name: 'acme/shop', default_branch: 'main' },
      pipeline: {
        ...{ ...times, id: 1, number: 1, event: 'push', branch: 'main', commit: 'c1', status: 'failure' },
        workflows: [
          {
            ...{ pid: 1, name: 'deploy', state: 'failure', started: noon - 190, finished: noon - 100 },
            children: [
              { pid: 2, name: 'stage', state: 'success', started: noon - 190, finished: noon - 150 },
              {
                pid: 3,
                name: 'smoke',
                state: 'failure',
                exit_code: 1,
                started: noon - 150,
                finished: noon - 100,
              },
              { pid: 4, name: 'ship', state: 'skipped' },
            ],
          },
        ],
      },
    });
    const { pipelines } = await explain(exporter.app());
    expect(pipelines).toMatchObject([
      {
        reason: 'not_reached',
        not_reached: {
          workflows: ['deploy'],
          steps: ['ship', 'publish-*'],
          present: true,
          stopped_at: { workflow: 'deploy', step: 'smoke', end: 'failure' },
        },
      },
    ]);
    const page = await (await exporter.app().request('/explain?repo=acme/shop&tier=production')).text();
    expect(page).toContain(
      'Not counted: step ship or publish-* of workflow deploy did not run; it stopped at step smoke of workflow deploy, which failed',
    );
    const staging = await explain(exporter.app(), 'repo=acme/shop&tier=staging&window=30d');
    expect(staging.pipelines).toMatchObject([{ counted: true, outcome: 'success' }]);
  });

  it('tells nothing of a pair without a deployment but what does not count', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, { number: 1, at: noon - 60, status: 'killed' });
    expect(await explain(exporter.app())).toMatchObject({
      figures: {
        deployments: 0,
        change_fail_rate: null,
        deployment_rework_rate: null,
        change_lead_time_seconds: { samples: 0, median: null, p95: null },
      },
      failing_since: null,
      pipelines: [{ number: 1, counted: false, reason: 'killed' }],
    });
  });

  it('is of the first window of the policy where none is asked for', async () => {
    const windows = [
      { name: '30d', seconds: 30 * day },
      { name: '7d', seconds: 7 * day },
    ];
    const exporter = await createSmallExporter({ policy: { ...policy, windows } });
    await tell(exporter, { number: 1, at: noon - 20 * day }, { number: 2, at: noon - day });
    const app = exporter.app();
    const query = 'repo=acme/shop&tier=production';
    const told = await explain(app, `${query}&limit=1`);
    expect(told).toMatchObject({ window: { name: '30d' }, figures: { deployments: 2 } });
    expect(told.next).toContain('&window=30d&');
    expect(await (await app.request(`/explain?${query}`)).text()).toContain(
      '<title>acme/shop (production), 30d</title>',
    );
  });

  it('tells of any moment, also before what is kept in memory, as it would have been told then', async () => {
    const long = await createSmallExporter({ policy });
    const short = await createSmallExporter({
      policy: { ...policy, windows: [{ name: '30d', seconds: 30 * day }] },
    });
    const told = [110, 100, 99, 80, 79, 78, 40, 12, 11, 3].map((daysAgo, index) => ({
      number: index + 1,
      at: noon - daysAgo * day,
      status: index % 3 === 0 ? 'failure' : 'success',
      commit_time: noon - daysAgo * day - hour,
    }));
    for (const exporter of [long, short]) await tell(exporter, ...told);
    for (const daysAgo of [0, 5, 11, 12, 35, 70, 77, 99, 105]) {
      const at = noon - daysAgo * day;
      const earlier = await createSmallExporter({ policy });
      await tell(earlier, ...told.filter((one) => one.at <= at));
      const query = `repo=acme/shop&tier=production&window=30d&at=${iso(at)}`;
      const then = await explain(earlier.app(), query);
      for (const exporter of [long, short]) expect(await explain(exporter.app(), query)).toEqual(then);
    }
    expect((await explain(long.app(), 'repo=acme/shop&tier=production&window=30d&at=5d')).window.to).toBe(
      iso(noon - 5 * day),
    );
  });

  it.each([
    ['in memory', '90d', 90 * day],
    // Shorter than they are old: the store gives one repo after the other.
    ['in the store alone', '1h', hour],
  ])('takes a name in any case, and tells of all repos that share it, those %s', async (_, name, seconds) => {
    const windows = [{ name, seconds }];
    const exporter = await createSmallExporter({ policy: { ...policy, windows }, canAsk: true });
    for (const [id, outcomes] of [
      [7, ['failure', 'success']],
      [8, ['success', 'failure']],
    ] as const) {
      const facts = {
        woodpeckerId: id,
        forgeRemoteId: String(id),
        fullName: id === 7 ? 'Acme/Shop' : 'acme/shop',
        defaultBranch: 'main',
        asOf: noon + id,
      };
      const records = outcomes.map((status, index) =>
        aRecord({
          number: index + 1,
          id: id * 100 + index,
          status,
          event: 'deployment',
          deployTo: 'production',
          finishedAt: noon - 5000 + id * 10 + index * 1000,
        }),
      );
      await deliverPage(exporter.ingest, facts, records);
      await endFirstScan(exporter.ingest, facts);
    }
    const ask = (at: number) =>
      explain(exporter.app(), `repo=ACME/SHOP&tier=production&window=${name}&at=${iso(at)}`);
    const { repo, figures, pipelines } = await ask(noon - 3900);
    expect(repo).toBe('acme/shop');
    expect(figures).toMatchObject({
      deployments: 4,
      failed_deployments: 2,
      // Each recovers for itself: the first repo did, the other still fails.
      failed_deployment_recovery_time_seconds: { samples: 1, median: 1000 },
    });
    const root = 'https://ci.example.com/ci';
    expect(pipelines.map(({ repo_id, number, url, at }) => [repo_id, number, url, at])).toEqual([
      [8, 2, `${root}/repos/8/pipeline/2`, iso(noon - 3920)],
      [7, 2, `${root}/repos/7/pipeline/2`, iso(noon - 3930)],
      [8, 1, `${root}/repos/8/pipeline/1`, iso(noon - 4920)],
      [7, 1, `${root}/repos/7/pipeline/1`, iso(noon - 4930)],
    ]);
    const earlier = await ask(noon - 3925);
    expect(earlier.pipelines.map(({ repo_id, number }) => [repo_id, number])).toEqual([
      [7, 2],
      [8, 1],
      [7, 1],
    ]);
  });

  it('comes page by page, each with the figures of the whole window', async () => {
    const exporter = await createSmallExporter({ policy });
    for (let number = 1; number <= 25; number++) {
      // Several end in the same second, counted and not.
      const at = noon - 10 * day + Math.floor(number / 4) * hour;
      await tell(exporter, {
        number,
        at,
        status: number % 3 === 0 ? 'killed' : number % 5 === 0 ? 'failure' : 'success',
      });
    }
    const app = exporter.app();
    const whole = await explain(app);
    expect(whole.pipelines.length).toBe(25);
    const pages: ExplanationJson[] = [];
    let query = '?repo=acme/shop&tier=production&window=30d&limit=4';
    for (let page = 0; page < 10; page++) {
      const one = await explain(app, query.slice(1));
      pages.push(one);
      expect(one.truncated).toBe(one.next !== null);
      if (one.next === null) break;
      query = one.next;
      exporter.clock.advance(100);
    }
    expect(pages.map(({ pipelines }) => pipelines.length)).toEqual([4, 4, 4, 4, 4, 4, 1]);
    expect(pages.flatMap(({ pipelines }) => pipelines)).toEqual(whole.pipelines);
    for (const page of pages) {
      expect({ ...page, pipelines: [], truncated: false, next: null }).toEqual({ ...whole, pipelines: [] });
    }
  });

  it('lists deployments alone, or failed ones alone, with the figures of the whole window, page by page', async () => {
    const exporter = await createSmallExporter({ policy });
    for (let number = 1; number <= 24; number++) {
      const status = number % 4 === 0 ? 'killed' : number % 6 === 1 ? 'failure' : 'success';
      await tell(exporter, { number, at: noon - 10 * day + number * 600, status });
    }
    const app = exporter.app();
    const series = 'repo=acme/shop&tier=production&window=30d';
    const whole = await explain(app, series);
    const numbersOf = ({ pipelines }: ExplanationJson) => pipelines.map(({ number }) => number);
    const failed = await explain(app, `${series}&show=failed`);
    expect(numbersOf(failed)).toEqual([19, 13, 7, 1]);
    expect({ ...failed, pipelines: [] }).toEqual({ ...whole, pipelines: [] });
    const deployments = await explain(app, `${series}&show=deployments`);
    expect(numbersOf(deployments)).toEqual([23, 22, 21, 19, 18, 17, 15, 14, 13, 11, 10, 9, 7, 6, 5, 3, 2, 1]);
    expect(await explain(app, `${series}&show=everything`)).toEqual(whole);

    const first = await explain(app, `${series}&show=failed&limit=3`);
    expect(numbersOf(first)).toEqual([19, 13, 7]);
    const next = new URLSearchParams(first.next ?? '');
    expect([next.get('show'), next.get('limit')]).toEqual(['failed', '3']);
    const second = await explain(app, `${next}`);
    expect([numbersOf(second), second.next]).toEqual([[1], null]);
  });

  it('takes a day as its end, today as now, and an empty field as now', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, { number: 1, at: noon - 3 * day }, { number: 2, at: noon - 60 });
    const series = 'repo=acme/shop&tier=production&window=7d';
    const numbersAndEnd = async (at: string) => {
      const { pipelines, window } = await explain(exporter.app(), `${series}&at=${at}`);
      return [pipelines.map(({ number }) => number), window.to];
    };
    expect(await numbersAndEnd('2026-07-28')).toEqual([[1], '2026-07-28T23:59:59Z']);
    expect(await numbersAndEnd('2026-07-31')).toEqual([[2, 1], iso(noon)]);
    // Where a reader may be, tomorrow has begun.
    expect(await numbersAndEnd('2026-08-01')).toEqual([[2, 1], iso(noon)]);
    expect(await numbersAndEnd('')).toEqual([[2, 1], iso(noon)]);
    expect((await exporter.app().request(`/api/explain?${series}&at=2026-08-02`)).status).toBe(422);
    const page = await (await exporter.app().request(`/explain?${series}&at=2026-07-28`)).text();
    expect(page).toContain('value="2026-07-28"');
    expect(page).toContain('window=30d&amp;at=2026-07-28T23%3A59%3A59Z');
    const today = await (await exporter.app().request(`/explain?${series}&at=2026-07-31`)).text();
    expect(today).toContain('window=30d">30d</a>');
  });

  it('has each pipeline count or not, also while it is told anew', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(
      exporter,
      { number: 1, at: noon - 900 },
      { number: 2, at: 0, status: 'running', started: noon - 700 },
    );
    const app = exporter.app();
    const seenOf = async () => {
      const { figures, not_counted, pipelines } = await explain(app);
      const listed = pipelines.map(({ number, counted }) => `${number} ${counted}`);
      return [
        figures.deployments,
        not_counted.map(({ reason, pipelines }) => `${reason} ${pipelines}`),
        listed,
      ];
    };
    const before = [1, ['not_ended 1'], ['2 false', '1 true']];
    const after = [2, [], ['2 true', '1 true']];

    const told = tell(exporter, { number: 2, at: noon - 600, started: noon - 700, status: 'success' });
    const seen = await seenOf();
    await told;
    expect([before, after]).toContainEqual(seen);
    expect(await seenOf()).toEqual(after);
  });

  it('takes a transaction for each, so that what comes in has its turn between one and the next', async () => {
    const store = openMemoryStore();
    let transactions = 0;
    const exporter = await createSmallExporter({
      policy,
      store: {
        close: () => store.close(),
        transact(work) {
          transactions++;
          return store.transact(work);
        },
      },
    });
    await tell(exporter, { number: 1, at: noon - 60 });
    const app = exporter.app();
    transactions = 0;
    await Promise.all([explain(app), explain(app), explain(app)]);
    expect(transactions).toBe(3);
  });

  it.each<[string, number, string, string]>([
    ['', 422, 'repo', 'Missing'],
    ['repo=acme/shop&tier=production&window=', 422, 'window', 'Expected one of 7d, 30d, 90d'],
    ['repo=acme/shop&tier=production&window=31d', 422, 'window', 'Expected one of 7d, 30d, 90d'],
    [
      'repo=acme/shop&tier=production&window=30d&windw=7d',
      422,
      '',
      'Unknown key windw, did you mean window?',
    ],
    ['repo=acme/shop&tier=production&window=30d&at=tomorrow', 422, 'at', 'Expected a time such as'],
    [
      `repo=acme/shop&tier=production&window=30d&at=${iso(noon + 1)}`,
      422,
      'at',
      'Expected a time from 1970 to now',
    ],
    ['repo=acme/shop&tier=production&window=30d&at=36500d', 422, 'at', 'Expected a time from 1970 to now'],
    ['repo=acme/shop&tier=production&window=30d&limit=0', 422, 'limit', 'Expected a number from 1 to 1000'],
    [
      'repo=acme/shop&tier=production&window=30d&limit=1001',
      422,
      'limit',
      'Expected a number from 1 to 1000',
    ],
    ['repo=acme/shop&tier=production&window=30d&before=x', 422, 'before', 'of an earlier answer'],
    ['repo=acme/shop&tier=prod&window=30d', 404, 'tier', 'Expected one of production, unassigned'],
    ['repo=other/sho&tier=prod&window=30d', 404, 'repo', 'Expected one of acme/shop, acme/api'],
  ])('refuses "%s" with %i, and says what there is to choose from', async (query, status, path, message) => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, { number: 1, at: noon - 60 }, { number: 2, at: noon - 50, deploy_to: 'x' });
    await tell(exporter, { number: 1, at: noon - 60, repo: 'acme/api' });
    for (const route of ['/api/explain', '/explain']) {
      const response = await exporter.app().request(`${route}?${query}`);
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const body = (await response.json()) as { errors: { path: string; message: string }[] };
      const found = body.errors.find((error) => error.path === path);
      expect(found?.message).toContain(message);
    }
  });
});

describe('GET /api/dora', () => {
  const told: readonly Told[] = [
    { number: 1, at: noon - 6 * day, status: 'failure' },
    { number: 2, at: noon - 6 * day + 1800, commit_time: noon - 8 * day },
    { number: 3, at: noon - 2 * day, commit_time: noon - 2 * day - 60 },
    { number: 1, at: noon - 3 * day, repo: 'acme/api', branch: 'hotfix/x' },
    { number: 1, at: noon - 80 * day, repo: 'acme/old' },
    { number: 1, at: noon - 91 * day, repo: 'acme/older' },
    { number: 5, at: noon - 60, deploy_to: 'x' },
  ];

  it('gives the figures and scores of all tiers and pairs, with the edition of the scores', async () => {
    const exporter = await createSmallExporter({ policy });
    await knowSince(exporter, 3.5, 'acme/shop');
    await tell(exporter, ...told);
    const { window, quick_check, tiers, pairs } = await get<Dora>(exporter.app(), '/api/dora?window=7d');
    expect(window).toEqual({ name: '7d', seconds: 604_800, from: iso(noon - 7 * day), to: iso(noon) });
    expect(quick_check).toEqual({
      edition: 'dora.dev Quick Check, 2025 data',
      published_means: {
        change_lead_time: 5.5,
        deployment_frequency: 4.8,
        failed_deployment_recovery_time: 7.4,
        change_fail_rate: 8.1,
        deployment_rework_rate: 7.8,
      },
    });
    expect(tiers.map(({ tier, figures }) => [tier, figures?.deployments])).toEqual([
      ['production', 4],
      ['unassigned', 1],
    ]);
    expect(pairs.map(({ repo, tier, figures }) => [repo, tier, figures?.deployments])).toEqual([
      ['acme/api', 'production', 1],
      ['acme/old', 'production', 0],
      ['acme/older', 'production', undefined],
      ['acme/shop', 'production', 3],
      ['acme/shop', 'unassigned', 1],
    ]);
    expect(pairs[3]).toEqual({
      repo: 'acme/shop',
      tier: 'production',
      figures: {
        deployments: 3,
        failed_deployments: 1,
        failed_deployments_by_cause: { pipeline: 1 },
        rework_deployments: 0,
        deployments_per_day: expect.closeTo(1 / 3.5),
        change_fail_rate: 1 / 3,
        deployment_rework_rate: 0,
        change_lead_time_seconds: { samples: 2, median: 87_330, p95: 165_873 },
        failed_deployment_recovery_time_seconds: { samples: 1, median: 1800, p95: 1800 },
        coverage_ratio: 0.5,
      },
      score: {
        overall: expect.closeTo((6 + 10 + 20 / 3 + 10) / 4),
        missing: ['deployment_frequency'],
        change_lead_time: { score: 6, class: { number: 4, words: 'One day to one week' } },
        deployment_frequency: null,
        failed_deployment_recovery_time: { score: 10, class: { number: 6, words: 'Less than one hour' } },
        change_fail_rate: { score: expect.closeTo(20 / 3), class: null },
        deployment_rework_rate: { score: 10, class: null },
      },
    });
    expect(pairs[2]).toEqual({ repo: 'acme/older', tier: 'production', figures: null, score: null });
    // Nothing of that time is known without a gap.
    expect(pairs[0]).toMatchObject({
      figures: { deployments: 1, change_fail_rate: 0, coverage_ratio: 0 },
      score: {
        overall: null,
        missing: [
          ...['change_lead_time', 'deployment_frequency', 'failed_deployment_recovery_time'],
          ...['change_fail_rate', 'deployment_rework_rate'],
        ],
        change_fail_rate: null,
      },
    });
  });

  it('has neither a rate nor a score of rework if the policy has no rules for it', async () => {
    const exporter = await createSmallExporter({
      policy: {
        ...policy,
        rework: { branches: [], message: [] },
        failures: { ...policy.failures, tiers: [] },
      },
    });
    await knowSince(exporter, 3.5, 'acme/shop');
    await tell(exporter, ...told);
    const { pairs } = await get<Dora>(exporter.app(), '/api/dora?window=7d&repo=acme/shop&tier=production');
    expect(pairs[0]?.figures).toMatchObject({ rework_deployments: null, deployment_rework_rate: null });
    expect(pairs[0]?.score?.missing).toEqual(['deployment_frequency', 'deployment_rework_rate']);
  });

  it('gives one tier, or one repo in any case, where asked to', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, ...told);
    const app = exporter.app();
    const names = ({ tiers, pairs }: Dora) => [
      tiers.map(({ tier }) => tier),
      pairs.map(({ repo, tier }) => `${repo} ${tier}`),
    ];
    expect(names(await get(app, '/api/dora?window=7d&tier=unassigned'))).toEqual([
      ['unassigned'],
      ['acme/shop unassigned'],
    ]);
    expect(names(await get(app, '/api/dora?window=7d&repo=ACME/Shop'))).toEqual([
      [],
      ['acme/shop production', 'acme/shop unassigned'],
    ]);
    for (const [query, path, message] of [
      ['tier=prod', 'tier', 'Expected one of production, unassigned'],
      ['repo=shop', 'repo', 'Expected one of acme/shop, acme/api, acme/old, acme/older'],
      ['repo=acme/api&tier=unassigned', 'tier', 'Expected one of production'],
    ]) {
      const response = await app.request(`/api/dora?window=7d&${query}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ errors: [{ path, message }] });
    }
    expect((await app.request('/api/dora')).status).toBe(422);
    expect((await app.request('/api/dora?window=1y')).status).toBe(422);
  });

  it('gives the figures of a moment of the past as they were shown then, those that its page shows', async () => {
    // One holds the moment in memory; the other has to read the store.
    const long = await createSmallExporter({ policy });
    const windows = [{ name: '7d', seconds: 7 * day }];
    const short = await createSmallExporter({ policy: { ...policy, windows } });
    const all: readonly Told[] = [110, 100, 99, 80, 79, 78, 40, 12, 11, 9, 8, 3].flatMap((daysAgo, index) => [
      {
        number: index + 1,
        at: noon - daysAgo * day,
        status: index % 3 === 0 ? 'failure' : 'success',
        commit_time: noon - daysAgo * day - hour,
      },
      { number: index + 1, repo: 'acme/api', at: noon - daysAgo * day - hour, branch: 'hotfix/x' },
    ]);
    for (const exporter of [long, short]) await tell(exporter, ...all);
    for (const [index, daysAgo] of [0, 2, 10, 39, 77, 105, 120].entries()) {
      const at = Math.floor((noon - daysAgo * day) / 60) * 60;
      for (const [exporter, window] of [
        [long, '7d'],
        [long, '30d'],
        [long, '90d'],
        [short, '7d'],
      ] as const) {
        const earlier = await createSmallExporter({ policy: exporter.ingest.mode.policy });
        earlier.clock.advance(at - noon);
        await tell(earlier, ...all.filter((one) => one.at <= at));
        const then = await get<Dora>(earlier.app(), `/api/dora?window=${window}`);
        const name = `${index} ${window}`;
        expect
          .soft(await get<Dora>(exporter.app(), `/api/dora?window=${window}&at=${iso(at)}`), name)
          .toEqual(then);
      }
    }
    const dora = await get<Dora>(long.app(), '/api/dora?window=30d&at=10d');
    const page = await (await long.app().request('/?window=30d&at=10d')).text();
    const [production] = dora.tiers;
    expect(production?.figures).toMatchObject({ deployments: 5, failed_deployments: 2 });
    expect(page).toContain('>2 of 5 failed<');
    expect(dora.window.to).toBe('2026-07-21T12:20:00Z');
  });

  it('takes a day as its end, knows nothing of what came later, and refuses the future', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, ...told);
    const app = exporter.app();
    const at = async (query: string) => {
      const { window, pairs } = await get<Dora>(app, `/api/dora?window=7d&${query}`);
      return [window.to, pairs.map(({ repo, figures }) => `${repo} ${figures?.deployments}`)];
    };
    expect(await at('at=2026-07-25&tier=production')).toEqual([
      '2026-07-25T23:59:00Z',
      ['acme/old 0', 'acme/older 0', 'acme/shop 2'],
    ]);
    expect(await at('at=2026-07-31&repo=acme/api')).toEqual([iso(noon), ['acme/api 1']]);
    // It is known, and was not yet.
    expect(await at('at=2026-07-25&repo=acme/api')).toEqual(['2026-07-25T23:59:00Z', []]);
    expect((await app.request('/api/dora?window=7d&at=2026-07-25&repo=acme/none')).status).toBe(404);
    expect((await app.request('/api/dora?window=7d&at=2999-01-01')).status).toBe(422);
  });

  it('is empty, and not an error, before anything is known', async () => {
    const app = (await createSmallExporter()).app();
    expect(await get<Dora>(app, '/api/dora?window=30d')).toMatchObject({ tiers: [], pairs: [] });
  });
});

describe('the figures of /api', () => {
  const anyTold = fc.record({
    repo: fc.constantFrom('acme/shop', 'acme/api'),
    number: fc.integer({ min: 1, max: 12 }),
    at: fc.integer({ min: -95, max: 0 }).map((days) => noon + days * day),
    status: fc.constantFrom('success', 'success', 'failure', 'killed'),
    event: fc.constantFrom('deployment', 'push', 'pull_request'),
    deploy_to: fc.constantFrom('production', ''),
    branch: fc.constantFrom('main', 'hotfix/x'),
    commit: fc.constantFrom('a', 'b', 'c', 'd', ''),
    commit_time: fc.constantFrom('', noon - 96 * day, noon - 50 * day, noon - 40 * day - 7),
  });

  it('are those of /metrics, and follow from the parts that are told with them', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyTold, { minLength: 1, maxLength: 30 }), async (told) => {
        const exporter = await createSmallExporter({ policy });
        await tell(exporter, ...told);
        const app = exporter.app();
        const metrics = parseMetrics(await (await app.request('/metrics')).text());
        for (const { name } of policy.windows) {
          const { tiers, pairs } = await get<Dora>(app, `/api/dora?window=${name}`);
          for (const { tier, figures } of tiers) {
            expect(figures).toEqual(scraped(metrics, 'dora_tier_window', `tier="${tier}",window="${name}"`));
          }
          for (const { repo, tier, figures } of pairs) {
            const labels = `repo="${repo}",tier="${tier}",window="${name}"`;
            const shown = scraped(metrics, 'dora_window', labels);
            expect(figures).toEqual(shown);
            const explanation = await explain(app, `repo=${repo}&tier=${tier}&window=${name}`);
            if (shown) expect(explanation.figures).toEqual(shown);
            expect(explanation.figures).toEqual(recounted(explanation));
            compared++;
          }
        }
      }),
      { numRuns: 60, seed: 20_260_731 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it('are read without a change of the state, so that the next scrape costs nothing', async () => {
    const exporter = await createSmallExporter({ policy });
    await tell(exporter, { number: 1, at: noon - 60 });
    const { version } = exporter.state;
    const app = exporter.app();
    await explain(app);
    await get(app, '/api/dora?window=30d');
    expect(exporter.state.version).toBe(version);
  });
});

/** Figures as a scrape has them; `null` where it has none. */
function scraped(metrics: ReadonlyMap<string, number>, prefix: string, labels: string) {
  const value = (name: string, quantile?: string) =>
    metrics.get(`${prefix}_${name}{${labels}${quantile ? `,quantile="${quantile}"` : ''}}`) ?? null;
  const deployments = value('deployments');
  if (deployments === null) return null;
  const time = (name: string) => ({
    samples: value(`${name}_samples`),
    median: value(`${name}_seconds`, '0.5'),
    p95: value(`${name}_seconds`, '0.95'),
  });
  const rate = (part: number | null) => (deployments === 0 ? null : (part ?? 0) / deployments);
  return {
    deployments,
    failed_deployments: value('failed_deployments'),
    failed_deployments_by_cause: Object.fromEntries(
      causes.flatMap((cause) => {
        const failed = metrics.get(`${prefix}_failed_deployments_by_cause{${labels},cause="${cause}"}`);
        return failed === undefined ? [] : [[cause, failed]];
      }),
    ),
    rework_deployments: value('rework_deployments'),
    deployments_per_day: null,
    change_fail_rate: rate(value('failed_deployments')),
    deployment_rework_rate: rate(value('rework_deployments')),
    change_lead_time_seconds: time('change_lead_time'),
    failed_deployment_recovery_time_seconds: time('recovery_time'),
    coverage_ratio: value('coverage_ratio'),
  };
}

/** Figures worked out of the list of an explanation alone. */
function recounted({ pipelines, figures }: ExplanationJson) {
  const counted = pipelines.flatMap((pipeline) => (pipeline.counted ? [pipeline] : []));
  const times = (seconds: readonly number[]) => {
    const sorted = seconds.toSorted((a, b) => a - b);
    const at = (q: number) => {
      const place = (sorted.length - 1) * q;
      const [low = 0, high = 0] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
      return sorted.length === 0 ? null : low + (high - low) * (place - Math.floor(place));
    };
    return { samples: sorted.length, median: at(0.5), p95: at(0.95) };
  };
  const failures = counted.flatMap(({ failure }) => failure ?? []);
  const failed = failures.length;
  const failedBy = (cause: Cause) => failures.filter((one) => one.causes.includes(cause)).length;
  const rework = counted.filter((pipeline) => pipeline.rework).length;
  return {
    deployments: counted.length,
    failed_deployments: failed,
    failed_deployments_by_cause: Object.fromEntries(
      causes.flatMap((cause) => (failedBy(cause) > 0 ? [[cause, failedBy(cause)]] : [])),
    ),
    rework_deployments: rework,
    deployments_per_day: null,
    change_fail_rate: counted.length === 0 ? null : failed / counted.length,
    deployment_rework_rate: counted.length === 0 ? null : rework / counted.length,
    change_lead_time_seconds: times(
      counted.flatMap(({ lead_time }) =>
        lead_time?.kind === 'known' ? lead_time.commits.map(({ seconds }) => seconds) : [],
      ),
    ),
    failed_deployment_recovery_time_seconds: times(
      counted.flatMap(({ episode }) => (episode.kind === 'closed' ? [episode.recovery_seconds] : [])),
    ),
    coverage_ratio: figures.coverage_ratio,
  };
}
