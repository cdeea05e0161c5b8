/**
 * Lists with unreadable rows, and lists without an end: the exporter uses the readable rows, warns once, and
 * completes its catch-up at start.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { dawn, type StartOptions, startLive } from '../support/live-harness.ts';

const day = 86_400;

const start = (prepare: (woodpecker: FakeWoodpecker) => unknown, options: StartOptions = {}) =>
  startLive({ prepare, ...options });

const mine = { access: { alice: 'push' } } as const;

function addRepo(woodpecker: FakeWoodpecker, fullName: string): number {
  return woodpecker.addRepo({ fullName, ...mine }).id;
}

/** Answers this path with the rows that `change` makes of the true answer. */
async function answerWith(
  woodpecker: FakeWoodpecker,
  path: string,
  change: (rows: Record<string, unknown>[]) => unknown[],
  token = woodpecker.userToken,
): Promise<void> {
  const answer = await fetch(woodpecker.url + path, { headers: { authorization: `Bearer ${token}` } });
  const rows = (await answer.json()) as Record<string, unknown>[];
  const match = path.split('?')[0] ?? path;
  woodpecker.fault({
    match: (request) => request.path === match,
    answer: {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(change(rows)),
    },
  });
}

const warnings = (lines: readonly string[]) => lines.filter((line) => line.startsWith('warn'));

describe('an unreadable row', () => {
  it('in a list of pipelines loses that pipeline alone, and is logged once', async () => {
    const { harness } = await start(async (woodpecker) => {
      const id = addRepo(woodpecker, 'acme/shop');
      const run = { created: dawn - day, finished: dawn - day + 60 };
      woodpecker.addPipeline(id, { ...run, number: 1 });
      woodpecker.addPipeline(id, { ...run, number: 3, status: 'failure' });
      const [odd] = JSON.parse(
        readFileSync(new URL('../fixtures/cases/odd-row.json', import.meta.url), 'utf8'),
      );
      await answerWith(woodpecker, `/api/repos/${id}/pipelines`, ([newest, ...rest]) => [
        newest,
        odd,
        ...rest,
      ]);
    });

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 2, failures: 1 });
    expect(warnings(harness.lines)).toEqual([
      'warn  Woodpecker sent a row that cannot be read; it is left out list=/api/repos/1/pipelines ' +
        'row="number 2" problem="commit: Expected text, given an object"',
    ]);
    expect(harness.unreadableRows).toBe(1);
  });

  it('in the list of repos loses that repo alone, is logged once, and is counted each time', async () => {
    const { harness } = await start(async (woodpecker) => {
      for (const name of ['acme/one', 'acme/two', 'acme/three']) {
        woodpecker.addPipeline(addRepo(woodpecker, name), { finished: dawn - day });
      }
      await answerWith(woodpecker, '/api/user/repos', (rows) =>
        rows.map((row) => (row['full_name'] === 'acme/two' ? { ...row, full_name: 'acme two' } : row)),
      );
    });
    for (let round = 0; round < 3; round++) await harness.round();

    expect(harness.shown('acme/one')).toMatchObject({ deployments: 1 });
    expect(harness.shown('acme/three')).toMatchObject({ deployments: 1 });
    expect(harness.shown('acme/two')).toBeNull();
    expect(warnings(harness.lines)).toEqual([
      'warn  Woodpecker sent a row that cannot be read; it is left out list=/api/user/repos ' +
        'row="acme two" problem="full_name: Expected owner/name"',
    ]);
    expect(harness.unreadableRows).toBe(4);
  });

  it('does not mark a known repo as gone', async () => {
    const { harness, woodpecker } = await start((fake) => {
      for (const name of ['acme/one', 'acme/two']) {
        fake.addPipeline(addRepo(fake, name), { finished: dawn - day });
      }
    });
    await harness.round();
    await answerWith(woodpecker, '/api/user/repos', (rows) =>
      rows.map((row) => (row['full_name'] === 'acme/two' ? { ...row, default_branch: 5 } : row)),
    );
    for (let round = 0; round < 4; round++) await harness.round();

    expect(harness.repo('acme/two')?.isGone).toBe(false);
    expect(harness.shown('acme/two')).toMatchObject({ deployments: 1 });
  });

  it('without an id neither marks a known repo as gone nor stops the rounds', async () => {
    const { clock, harness, woodpecker } = await start((fake) => {
      for (const name of ['acme/one', 'acme/two']) {
        fake.addPipeline(addRepo(fake, name), { finished: dawn - day });
      }
    });
    await harness.round();
    const odd = (row: Record<string, unknown>) => ({ ...row, id: 'two' });
    await answerWith(woodpecker, '/api/user/repos', ([one, two]) => [one, odd(two ?? {})]);
    woodpecker.fault({
      match: '/api/repos/2',
      answer: { status: 200, headers: { 'content-type': 'application/json' }, body: '{"id":"two"}' },
    });
    const before = harness.rounds;
    harness.run('reconcile');
    await clock.pass(25 * 60_000);

    expect(harness.rounds).toBeGreaterThan(before + 3);
    expect(harness.repo('acme/two')?.isGone).toBe(false);
  });

  it('as newest pipeline of a repo does not hide the new pipelines of that repo', async () => {
    const { harness, woodpecker } = await start((fake) => {
      for (const name of ['acme/one', 'acme/two']) {
        fake.addPipeline(addRepo(fake, name), { finished: dawn - day });
      }
    });
    woodpecker.addPipeline('acme/two', { finished: dawn - 60, status: 'failure' });
    await answerWith(woodpecker, '/api/user/repos', (rows) =>
      rows.map((row) =>
        row['full_name'] === 'acme/two' ? { ...row, last_pipeline: { number: 'two' } } : row,
      ),
    );
    await answerWith(woodpecker, '/api/user/feed', () => []);
    await harness.round();

    expect(harness.shown('acme/two')).toMatchObject({ deployments: 2, failures: 1 });
  });

  it('of a deleted repo in the feed does not hide what is new in other repos', async () => {
    const { harness, woodpecker } = await start((fake) => {
      fake.addPipeline(addRepo(fake, 'acme/shop'), { number: 1, status: 'running', created: dawn - 60 });
    });
    woodpecker.updatePipeline('acme/shop', 1, { status: 'success', finished: dawn - 10 });
    await answerWith(woodpecker, '/api/user/feed', (rows) => [{ repo_id: 0, status: 'success' }, ...rows]);
    // The list of repos reports no newest pipeline, so only the feed can report the end.
    await answerWith(woodpecker, '/api/user/repos', (rows) =>
      rows.map(({ last_pipeline: _, ...row }) => row),
    );
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1 });
  });
});

describe('a list that ignores the page parameter', () => {
  it('of repos stops being read, is logged once, and lets the catch-up at start complete', async () => {
    const { harness, woodpecker } = await start(
      async (fake) => {
        for (let i = 100; i < 220; i++) fake.addRepo({ fullName: `acme/r${i}` });
        const first = '/api/repos?active=true&page=1&perPage=50';
        await answerWith(fake, first, (rows) => rows, fake.adminToken);
      },
      { asAdmin: true },
    );

    expect(harness.ingest.state.repos.size).toBe(50);
    for (let round = 0; round < 3; round++) await harness.round();
    expect([...harness.ingest.state.repos.values()].filter(({ isGone }) => isGone)).toEqual([]);
    expect(warnings(harness.lines)).toEqual([
      'warn  Woodpecker sends the same page of a list again and again, so older rows are missing: ' +
        'check for a cache before it list=/api/repos',
    ]);
    expect(woodpecker.requests.filter(({ path }) => path === '/api/repos').length).toBeLessThan(10);
  });

  it('of pipelines stops being read, is logged once, and has its rows counted', async () => {
    const { harness, woodpecker } = await start(async (fake) => {
      const id = addRepo(fake, 'acme/shop');
      for (let number = 1; number <= 70; number++) {
        const created = dawn - (100 - number) * day;
        fake.addPipeline(id, { number, created, finished: created + 60 });
      }
      await answerWith(fake, `/api/repos/${id}/pipelines?page=1`, (rows) => rows);
    });

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 50 });
    // The history is known from the oldest listed pipeline on.
    expect(harness.repo('acme/shop')?.knownSince).toBe(dawn - 79 * day);
    expect(harness.backfill.backlog).toBe(0);
    expect(warnings(harness.lines)).toEqual([
      'warn  Woodpecker sends the same page of a list again and again, so older rows are missing: ' +
        'check for a cache before it list=/api/repos/1/pipelines',
    ]);
    expect(woodpecker.pipelines('acme/shop')).toHaveLength(70);
  });
});
