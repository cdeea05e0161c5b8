/**
 * What the recordings do not show of the fake Woodpecker: rules of permission and paging, versions between the recorded
 * ones, and the ways in which tests disturb it. `fake-woodpecker-recordings.test.ts` compares the rest.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeWoodpecker, FakeWoodpeckerOptions } from './fake-woodpecker.ts';
import { createFakeWoodpecker, startFakeWoodpecker } from './fake-woodpecker.ts';

let woodpecker: FakeWoodpecker;
let clock: number;

async function begin(options: FakeWoodpeckerOptions = {}): Promise<void> {
  await woodpecker?.close();
  woodpecker = await startFakeWoodpecker({ now: () => clock, ...options });
}

beforeEach(async () => {
  clock = 1_785_500_000;
  await begin();
});

afterEach(() => woodpecker.close());

async function get(path: string, token: string | null = woodpecker.userToken): Promise<Response> {
  return fetch(
    woodpecker.url + path,
    token === null ? {} : { headers: { authorization: `Bearer ${token}` } },
  );
}

async function getJson(path: string, token: string | null = woodpecker.userToken) {
  const response = await get(path, token);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return JSON.parse(await response.text());
}

async function answerOf(path: string, token: string | null = woodpecker.userToken) {
  const response = await get(path, token);
  return { status: response.status, body: await response.text() };
}

async function numbersOf(path: string): Promise<number[]> {
  return (await getJson(path)).map((pipeline: { number: number }) => pipeline.number);
}

/** A stream under test: its received messages, and functions to wait for them. */
async function openStream(token: string | null = woodpecker.userToken) {
  const controller = new AbortController();
  const response = await fetch(`${woodpecker.url}/api/stream/events`, {
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
    signal: controller.signal,
  });
  let text = '';
  let isOpen = true;
  const reading = (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    } catch {
      // The stream broke off; the messages so far count.
    }
    isOpen = false;
  })();
  return {
    response,
    text: () => text,
    isOpen: () => isOpen,
    messages: () =>
      text
        .split('\n\n')
        .filter((frame) => frame.startsWith('data: '))
        .map((frame) => JSON.parse(frame.slice('data: '.length))),
    async until(length: number): Promise<void> {
      await expect.poll(() => this.messages().length).toBeGreaterThanOrEqual(length);
    },
    async close(): Promise<void> {
      controller.abort();
      await reading;
    },
  };
}

/** `status finished` of each message, in order of arrival. */
function endsOf(
  messages: { pipeline: { status: string; finished?: number; finished_at?: number } }[],
): string[] {
  return messages.map(({ pipeline }) => `${pipeline.status} ${pipeline.finished ?? pipeline.finished_at}`);
}

describe('the fields of intermediate versions', () => {
  it.each([
    ['2.2.0', ['created_at'], ['created', 'deploy_task', 'event_reason', 'version', 'rerun_count']],
    ['3.0.0', ['created', 'deploy_task'], ['created_at', 'event_reason', 'version', 'rerun_count']],
    ['3.13.0', ['event_reason'], ['version', 'cancel_info', 'rerun_count']],
    ['3.14.0', ['version', 'cancel_info'], ['rerun_count']],
    ['3.15.0', ['version', 'cancel_info', 'rerun_count'], []],
    ['next-0a1b2c3d', ['version', 'cancel_info', 'rerun_count'], []],
  ])('are, for %s, those of that release', async (version, present, absent) => {
    await begin({ version });
    const repo = woodpecker.addRepo({ fullName: 'acme/shop' });
    woodpecker.addPipeline(repo, { status: 'killed', cancelInfo: { canceled_by_user: 'bob' } });
    const [pipeline] = await getJson(`/api/repos/${repo.id}/pipelines`);
    expect(Object.keys(pipeline)).toEqual(expect.arrayContaining(present));
    expect(Object.keys(pipeline).filter((key) => absent.includes(key))).toEqual([]);
  });

  it('include the last pipeline of a repo from 3.1 on', async () => {
    await begin({ version: '3.0.0' });
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.addPipeline(repo);
    expect((await getJson('/api/user/repos'))[0].last_pipeline).toBeUndefined();
    await woodpecker.restart({ version: '3.1.0' });
    expect((await getJson('/api/user/repos'))[0].last_pipeline.number).toBe(1);
  });

  it('exclude a status that the version does not have', async () => {
    await begin({ version: '3.13.0' });
    const repo = woodpecker.addRepo({ fullName: 'acme/shop' });
    expect(() => woodpecker.addPipeline(repo, { status: 'canceled' })).toThrow(
      'Woodpecker 3.13.0 has no status "canceled"',
    );
  });
});

describe('permissions', () => {
  beforeEach(() => {
    woodpecker.addRepo({ fullName: 'acme/open' });
    woodpecker.addRepo({ fullName: 'acme/secret', private: true });
    woodpecker.addRepo({ fullName: 'acme/staff', private: true, visibility: 'internal' });
    for (const repo of woodpecker.repos()) woodpecker.addPipeline(repo);
  });

  it.each(['', '/pipelines', '/pipelines/1'])(
    'hide a private repo%s from guests with 401 and from users with 404, both empty',
    async (path) => {
      const url = `/api/repos/2${path}`;
      expect(await answerOf(url, null)).toEqual({ status: 401, body: '' });
      expect(await answerOf(url, woodpecker.badToken)).toEqual({ status: 401, body: '' });
      expect(await answerOf(url, woodpecker.userToken)).toEqual({ status: 404, body: '' });
      expect((await get(url, woodpecker.adminToken)).status).toBe(200);
      woodpecker.grant('alice', 2, 'pull');
      expect((await get(url, woodpecker.userToken)).status).toBe(200);
      woodpecker.revoke('alice', 2);
      expect((await get(url, woodpecker.userToken)).status).toBe(404);
    },
  );

  it('show an internal repo to any user', async () => {
    expect((await get('/api/repos/3', woodpecker.userToken)).status).toBe(200);
    expect((await get('/api/repos/3', null)).status).toBe(401);
  });

  it('list for a user the active repos with push or admin rights, also for an administrator', async () => {
    const names = async (token: string) =>
      (await getJson('/api/user/repos', token)).map((repo: { full_name: string }) => repo.full_name);
    woodpecker.grant('alice', 'acme/open', 'pull');
    woodpecker.grant('alice', 'acme/secret', 'push');
    woodpecker.grant('alice', 'acme/staff', 'admin');
    expect(await names(woodpecker.userToken)).toEqual(['acme/secret', 'acme/staff']);
    expect(await names(woodpecker.adminToken)).toEqual([]);
    woodpecker.deactivateRepo('acme/staff');
    expect(await names(woodpecker.userToken)).toEqual(['acme/secret']);
  });

  it.each(['/api/user', '/api/user/repos', '/api/user/feed'])('require a user at %s', async (path) => {
    const refused = { status: 401, body: 'User not authorized' };
    expect(await answerOf(path, null)).toEqual(refused);
    expect(await answerOf(path, woodpecker.badToken)).toEqual(refused);
    expect((await get(path, woodpecker.userToken)).headers.get('content-type')).toContain('application/json');
  });

  it('list a repo that another user has activated only after a request has created a row', async () => {
    const names = async () =>
      (await getJson('/api/user/repos')).map((repo: { full_name: string }) => repo.full_name);
    const forgeAccess = { alice: 'push' } as const;
    const one = woodpecker.addRepo({ fullName: 'acme/one', forgeAccess });
    woodpecker.addRepo({ fullName: 'acme/two', private: true, forgeAccess });
    const three = woodpecker.addRepo({ fullName: 'acme/three', private: true, forgeAccess, active: false });
    woodpecker.addRepo({ fullName: 'acme/others' });
    await getJson(`/api/repos/${one.id}/pipelines`);
    expect(await names()).toEqual([]);
    await getJson(`/api/repos/${one.id}`);
    expect(await names()).toEqual(['acme/one']);
    await getJson('/api/repos/lookup/acme/two');
    expect(await names()).toEqual(['acme/one', 'acme/two']);
    await getJson('/api/repos/lookup/acme/others');
    woodpecker.logIn('alice');
    expect(await names()).toEqual(['acme/one', 'acme/two']);
    woodpecker.activateRepo(three, { by: 'root' });
    expect(await names()).toEqual(['acme/one', 'acme/two']);
    woodpecker.logIn('alice');
    expect(await names()).toEqual(['acme/one', 'acme/three', 'acme/two']);
  });

  it('are copied from the forge on request from 3.17 on', async () => {
    woodpecker.addRepo({ fullName: 'acme/shop', private: true, forgeAccess: { alice: 'push' } });
    const refresh = () =>
      fetch(`${woodpecker.url}/api/user/repos/refresh`, {
        method: 'POST',
        headers: { authorization: `Bearer ${woodpecker.userToken}` },
      });
    await woodpecker.restart({ version: '3.16.0' });
    await refresh();
    expect(await getJson('/api/user/repos')).toEqual([]);
    await woodpecker.restart({ version: '3.17.0' });
    expect((await refresh()).status).toBe(204);
    expect(await getJson('/api/user/repos')).toMatchObject([{ full_name: 'acme/shop' }]);
  });
});

describe('the plain routes', () => {
  it('are below the root path', async () => {
    await begin({ rootPath: '/ci/' });
    expect(woodpecker.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ci$/);
    expect((await get('/version')).headers.get('content-type')).toContain('application/json');
    const outside = await fetch(woodpecker.url.replace('/ci', '/version'));
    expect(outside.headers.get('content-type')).toContain('text/html');
  });
});

describe('repos', () => {
  it('are found by name in any case, and by a former name', async () => {
    const repo = woodpecker.addRepo({ fullName: 'Acme/Shop' });
    expect(await getJson('/api/repos/lookup/acme/shop')).toMatchObject({
      id: repo.id,
      full_name: 'Acme/Shop',
    });
    woodpecker.renameRepo(repo, 'acme/store');
    expect(await getJson('/api/repos/lookup/acme/shop')).toMatchObject({
      id: repo.id,
      full_name: 'acme/store',
    });
  });

  it('give a former name away to the next repo that takes it', async () => {
    const old = woodpecker.addRepo({ fullName: 'acme/shop' });
    woodpecker.renameRepo(old, 'acme/store');
    const next = woodpecker.addRepo({ fullName: 'acme/shop' });
    expect((await getJson('/api/repos/lookup/acme/shop')).id).toBe(next.id);
  });

  it('return with another id after they were deleted', async () => {
    const repo = woodpecker.addRepo({
      id: 7,
      fullName: 'acme/shop',
      private: true,
      access: { alice: 'push' },
    });
    woodpecker.addPipeline(repo);
    const again = woodpecker.reAddRepo(repo);
    expect(again).toEqual({ ...repo, id: 8 });
    expect((await get('/api/repos/7')).status).toBe(404);
    expect(await getJson('/api/repos/8/pipelines')).toEqual([]);
  });

  it('stay readable by id while they are inactive', async () => {
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.deactivateRepo(repo);
    expect((await getJson(`/api/repos/${repo.id}`)).active).toBe(false);
    expect(await getJson('/api/repos?active=true', woodpecker.adminToken)).toEqual([]);
    expect(await getJson('/api/repos', woodpecker.adminToken)).toHaveLength(1);
    woodpecker.activateRepo(repo);
    expect(await getJson('/api/user/repos')).toHaveLength(1);
  });

  it('are in pages for an administrator', async () => {
    for (let index = 10; index < 70; index += 1) woodpecker.addRepo({ fullName: `acme/r${index}` });
    const page = async (query: string) => getJson(`/api/repos?${query}`, woodpecker.adminToken);
    expect(await page('')).toHaveLength(50);
    expect(await page('page=2')).toHaveLength(10);
    expect((await page('page=3&perPage=20'))[0].full_name).toBe('acme/r50');
  });
});

describe('the list of pipelines', () => {
  beforeEach(() => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
    for (let number = 1; number <= 120; number += 1) {
      woodpecker.addPipeline(1, { created: 1_785_400_000 + number, started: 1_785_400_200 });
    }
  });

  it('is in descending order of numbers, in pages of at most fifty', async () => {
    expect((await numbersOf('/api/repos/1/pipelines')).length).toBe(50);
    expect((await numbersOf('/api/repos/1/pipelines'))[0]).toBe(120);
    expect(await numbersOf('/api/repos/1/pipelines?page=3&perPage=3')).toEqual([114, 113, 112]);
    expect((await numbersOf('/api/repos/1/pipelines?page=3')).length).toBe(20);
    expect(await numbersOf('/api/repos/1/pipelines?page=4')).toEqual([]);
  });

  it.each(['perPage=51', 'perPage=0', 'perPage=-1', 'perPage=x', 'page=0', 'page=-3', 'page=x'])(
    'treats %s as the default',
    async (query) => {
      const numbers = await numbersOf(`/api/repos/1/pipelines?${query}`);
      expect([numbers.length, numbers[0]]).toEqual([50, 120]);
    },
  );

  it('compares before and after strictly with the time of creation', async () => {
    const at = (number: number) => new Date((1_785_400_000 + number) * 1000).toISOString();
    const list = (query: string) => numbersOf(`/api/repos/1/pipelines?${query}`);
    expect(await list(`after=${at(117)}`)).toEqual([120, 119, 118]);
    expect(await list(`before=${at(3)}`)).toEqual([2, 1]);
    expect(await list(`after=${at(10)}&before=${at(13)}`)).toEqual([12, 11]);
    expect(await list(`after=${at(10)}&before=${at(15)}&perPage=2&page=2`)).toEqual([12, 11]);
  });

  it.each([
    'before=yesterday',
    'after=1785400000',
    'after=2026-01-01',
    'after=2026-01-01T00:00:00+01:00', // A plus in a query is a space.
    'status=finished',
  ])('refuses %s with an empty 400', async (query) => {
    expect(await answerOf(`/api/repos/1/pipelines?${query}`)).toEqual({ status: 400, body: '' });
  });

  it('ignores filters that an older version does not know', async () => {
    await woodpecker.restart({ version: '2.8.3' });
    expect((await numbersOf('/api/repos/1/pipelines?status=failure')).length).toBe(50);
    expect(await numbersOf('/api/repos/1/pipelines?before=2026-07-30T08:26:43Z')).toEqual([2, 1]);
    await woodpecker.restart({ version: '2.4.0' });
    expect((await numbersOf('/api/repos/1/pipelines?before=nonsense')).length).toBe(50);
  });

  it('shifts if a pipeline is created between two pages', async () => {
    const stopShifting = woodpecker.onRequest((request) => {
      if (request.query.includes('page=2')) woodpecker.addPipeline(1);
    });
    expect((await numbersOf('/api/repos/1/pipelines?page=1')).at(-1)).toBe(71);
    expect((await numbersOf('/api/repos/1/pipelines?page=2'))[0]).toBe(71);
    stopShifting();
    expect((await numbersOf('/api/repos/1/pipelines?page=2'))[0]).toBe(71);
  });

  it('reuses a number if the highest pipeline is deleted', () => {
    const { id } = woodpecker.deletePipeline(1, 120);
    expect(woodpecker.addPipeline(1)).toMatchObject({ number: 120, id: id + 1 });
  });
});

describe('a single pipeline', () => {
  it('is refused with an empty 400 or 404 if it does not exist', async () => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
    expect(await answerOf('/api/repos/1/pipelines/1')).toEqual({ status: 404, body: '' });
    expect(await answerOf('/api/repos/1/pipelines/one')).toEqual({ status: 400, body: '' });
    expect(await answerOf('/api/repos/one/pipelines/1')).toEqual({ status: 400, body: '' });
  });
});

describe('the feed', () => {
  it('contains the fifty newest pipelines of all repos of the user', async () => {
    woodpecker.addRepo({ fullName: 'acme/a', access: { alice: 'push' } });
    woodpecker.addRepo({ fullName: 'acme/b', access: { alice: 'admin' } });
    woodpecker.addRepo({ fullName: 'acme/c', access: { alice: 'pull' } });
    for (let index = 0; index < 90; index += 1) woodpecker.addPipeline((index % 3) + 1);
    const feed: { id: number; repo_id: number }[] = await getJson('/api/user/feed');
    expect(feed).toHaveLength(50);
    expect(feed.slice(0, 4).map(({ id, repo_id }) => [id, repo_id])).toEqual([
      [89, 2],
      [88, 1],
      [86, 2],
      [85, 1],
    ]);
  });

  it('is null when empty, and an empty list on 2.8', async () => {
    expect(await getJson('/api/user/feed')).toBeNull();
    await woodpecker.restart({ version: '2.8.3' });
    expect(await getJson('/api/user/feed')).toEqual([]);
  });
});

describe('the event stream', () => {
  it('sends exactly these bytes', async () => {
    const repo = woodpecker.addRepo({ fullName: 'acme/shop' });
    const stream = await openStream(null);
    expect(stream.response.status).toBe(200);
    expect(Object.fromEntries(stream.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    woodpecker.createPipeline(repo, { stopAt: 'blocked', message: 'two\nlines' });
    await stream.until(1);
    expect(stream.text()).toMatch(/^: ping\n\ndata: \{"repo":\{.*\},"pipeline":\{.*\}\}\n\n$/);
    expect(stream.messages()[0].pipeline).toMatchObject({ status: 'blocked', message: 'two\nlines' });
  });

  it('sends pings only after silence', async () => {
    const repo = woodpecker.addRepo({ fullName: 'acme/shop' });
    woodpecker.streams.setPingInterval(40);
    const stream = await openStream(null);
    await expect.poll(() => stream.text()).toMatch(/^(: ping\n\n){3,}$/);
    woodpecker.streams.setPingInterval(null);
    // All earlier pings arrive with this message.
    woodpecker.createPipeline(repo, { stopAt: 'blocked' });
    await stream.until(1);
    const { length } = stream.text();
    woodpecker.createPipeline(repo, { stopAt: 'blocked' });
    await stream.until(2);
    expect(stream.text().slice(length)).toMatch(/^data: .*\n\n$/);
  });

  it.each(['3.17.0', '3.13.0', '2.8.3'])(
    'sends on %s the repos that the user could see at the start',
    async (version) => {
      await begin({ version });
      woodpecker.addRepo({ fullName: 'acme/open' });
      woodpecker.addRepo({ fullName: 'acme/mine', private: true, access: { alice: 'pull' } });
      woodpecker.addRepo({ fullName: 'acme/other', private: true });
      const streams = [
        await openStream(woodpecker.userToken),
        await openStream(woodpecker.badToken),
        await openStream(woodpecker.adminToken),
      ];
      expect(woodpecker.streams.users).toEqual(['alice', null, 'root']);
      woodpecker.grant('alice', 'acme/other');
      for (const name of ['acme/other', 'acme/mine', 'acme/open']) {
        woodpecker.createPipeline(name, { stopAt: 'blocked' });
      }
      await Promise.all(streams.map((stream) => stream.until(1)));
      const names = streams.map((stream) => stream.messages().map(({ repo }) => repo.full_name));
      expect(names).toEqual([['acme/mine', 'acme/open'], ['acme/open'], ['acme/open']]);
      const later = await openStream(woodpecker.userToken);
      woodpecker.createPipeline('acme/other', { stopAt: 'blocked' });
      await later.until(1);
      expect(later.messages()[0].repo.full_name).toBe('acme/other');
    },
  );

  it('loses a renamed private repo before 3.14, and keeps it in later versions', async () => {
    const seen: number[] = [];
    for (const version of ['3.13.0', '3.14.0']) {
      await begin({ version });
      woodpecker.addRepo({ fullName: 'acme/open' });
      const repo = woodpecker.addRepo({ fullName: 'acme/mine', private: true, access: { alice: 'push' } });
      const stream = await openStream();
      woodpecker.renameRepo(repo, 'acme/ours');
      woodpecker.createPipeline(repo, { stopAt: 'blocked' });
      woodpecker.createPipeline('acme/open', { stopAt: 'blocked' });
      await stream.until(1);
      await expect.poll(() => stream.messages().at(-1).repo.full_name).toBe('acme/open');
      seen.push(stream.messages().length);
    }
    expect(seen).toEqual([1, 2]);
  });

  it('ends when the server stops, and does not repeat earlier messages', async () => {
    const repo = woodpecker.addRepo({ fullName: 'acme/shop' });
    const stream = await openStream();
    expect(woodpecker.streams.openCount).toBe(1);
    const { url } = woodpecker;
    await woodpecker.stop();
    await expect.poll(() => stream.isOpen()).toBe(false);
    woodpecker.runPipeline(repo);
    await woodpecker.start();
    expect(woodpecker.url).toBe(url);
    const again = await openStream();
    expect(again.messages()).toEqual([]);
    expect(await numbersOf(`/api/repos/${repo.id}/pipelines`)).toEqual([1]);
  });
});

describe('the life of a pipeline', () => {
  let stream: Awaited<ReturnType<typeof openStream>>;

  async function live(version = '3.17.0'): Promise<void> {
    await begin({ version });
    woodpecker.addRepo({ fullName: 'acme/shop' });
    stream = await openStream();
  }

  async function toldEnds(count: number): Promise<string[]> {
    await stream.until(count);
    return endsOf(stream.messages());
  }

  beforeEach(() => live());

  it('takes start and finish from the agent, and the other times from the server', () => {
    const { number } = woodpecker.createPipeline(1);
    woodpecker.startPipeline(1, number, { started: clock - 500 });
    const pipeline = woodpecker.finishPipeline(1, number, { finished: clock - 400 });
    expect(pipeline).toMatchObject({ started: clock - 500, finished: clock - 400, updated: clock });
  });

  it('stays killed from 3.14 on, with another finish, when the agent reports', async () => {
    const { number } = woodpecker.createPipeline(1);
    woodpecker.startPipeline(1, number);
    clock += 10;
    const killed = woodpecker.cancelPipeline(1, number, { by: { supersededBy: 2 } });
    expect(killed).toMatchObject({ status: 'killed', finished: clock, cancel_info: { superseded_by: 2 } });
    clock += 7;
    expect(woodpecker.settleCanceled(1, number)).toMatchObject({ status: 'killed', finished: clock });
    expect((await toldEnds(8)).slice(5)).toEqual([
      'killed 1785500010',
      'killed 1785500010',
      'killed 1785500017',
    ]);
  });

  it.each([
    ['2.8.3', -1],
    ['3.13.0', 126],
  ])(
    'changes the steps of a cancelled run on %s after its end, without a new update time',
    async (version, exitCode) => {
      await live(version);
      const { number } = woodpecker.createPipeline(1);
      woodpecker.startPipeline(1, number);
      woodpecker.cancelPipeline(1, number);
      clock += 1;
      const ended = woodpecker.settleCanceled(1, number, { reportsSteps: false });
      expect(ended.workflows[0]?.children[0]).toMatchObject({ state: 'success', exit_code: 0 });
      clock += 4;
      const late = woodpecker.reportBrokenOffSteps(1, number);
      expect(late.workflows[0]?.children[0]).toMatchObject({ state: 'failure', exit_code: exitCode });
      expect([late.status, late.updated, late.finished]).toEqual(['failure', ended.updated, ended.finished]);
      expect((await toldEnds(8)).slice(5)).toEqual([
        'killed 1785500000',
        'failure 1785500001',
        'failure 1785500001',
      ]);
    },
  );

  it('can still succeed after a cancel', () => {
    const { number } = woodpecker.createPipeline(1);
    woodpecker.startPipeline(1, number);
    woodpecker.cancelPipeline(1, number);
    expect(woodpecker.doneWorkflow(1, number, 'build', { state: 'success' }).status).toBe('success');
  });

  it('is killed by a failing step, and sent as running once more afterwards', async () => {
    const { number } = woodpecker.createPipeline(1, { event: 'deployment' });
    woodpecker.startPipeline(1, number);
    const pipeline = woodpecker.cancelPipeline(1, number, { by: { step: 'deploy' }, settle: true });
    expect(pipeline).toMatchObject({ status: 'killed', cancel_info: { canceled_by_step: 'deploy' } });
    const steps = pipeline.workflows.flatMap(({ children }) => children);
    expect(steps.find(({ name }) => name === 'deploy')).toMatchObject({ state: 'failure', exit_code: 1 });
    expect((await toldEnds(7)).slice(5, 7)).toEqual([`killed ${clock}`, 'running 0']);
  });

  it('sends no message for a restart that ends in error', async () => {
    woodpecker.addPipeline(1);
    expect(woodpecker.restartPipeline(1, 1, { error: 'pipeline definition not found' }).status).toBe('error');
    woodpecker.createPipeline(1, { stopAt: 'blocked' });
    await stream.until(1);
    expect(stream.messages()[0].pipeline.number).toBe(3);
  });

  it('refuses actions that Woodpecker refuses', () => {
    woodpecker.addPipeline(1);
    expect(() => woodpecker.cancelPipeline(1, 1)).toThrow('does not cancel a pipeline with status "success"');
    expect(() => woodpecker.startPipeline(1, 1)).toThrow('does not start a pipeline with status "success"');
    expect(() => woodpecker.pipeline(1, 2)).toThrow('acme/shop has no pipeline 2');
  });
});

describe('history', () => {
  it('gives each pipeline a commit id like those of git, the same in every run', async () => {
    const commits = () => {
      const repo = woodpecker.addRepo({ fullName: 'acme/api' });
      return Array.from({ length: 20 }, () => woodpecker.addPipeline(repo).commit);
    };
    const first = commits();
    expect(first.filter((id) => !/^(?!0{6})[0-9a-f]{40}$/.test(id))).toEqual([]);
    expect(new Set(first.map((id) => id.slice(0, 8))).size).toBe(20);
    await begin();
    expect(commits()).toEqual(first);
  });

  beforeEach(() => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
  });

  it.each([
    ['success', 3, 63, 63, ['success']],
    ['failure', 3, 63, 63, ['failure']],
    ['killed', 3, 63, 63, ['killed']],
    ['error', 1, 1, 1, []],
    ['canceled', null, 30, 30, ['skipped']],
    ['declined', null, null, 60, ['declined']],
    ['running', 3, null, 3, ['running']],
    ['pending', null, null, 0, ['pending']],
    ['blocked', null, null, 0, ['blocked']],
    ['created', null, null, 0, []],
  ] as const)(
    'of status %s has matching times and workflows',
    (status, started, finished, updated, states) => {
      const created = 1_785_400_000;
      const pipeline = woodpecker.addPipeline(1, { status, created });
      expect(pipeline).toMatchObject({
        status,
        created,
        started: started === null ? 0 : created + started,
        finished: finished === null ? 0 : created + finished,
        updated: created + updated,
      });
      expect(pipeline.workflows.map(({ state }) => state)).toEqual(states);
    },
  );

  it('computes the other times from a finish', () => {
    expect(woodpecker.addPipeline(1, { finished: 1_785_400_063 })).toMatchObject({
      created: 1_785_400_000,
      started: 1_785_400_003,
      updated: 1_785_400_063,
    });
  });

  it('changes without a message on the stream', async () => {
    const stream = await openStream();
    const before = woodpecker.addPipeline(1);
    const after = woodpecker.updatePipeline(1, 1, { status: 'failure' });
    expect(after).toMatchObject({ status: 'failure', updated: clock });
    expect(before.status).toBe('success');
    expect(stream.messages()).toEqual([]);
  });
});

describe('faults', () => {
  beforeEach(() => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
    woodpecker.addPipeline(1);
  });

  it('answer instead of Woodpecker for a number of requests', async () => {
    const answer = { status: 429, body: 'slow down', headers: { 'Retry-After': '2' } };
    const fault = woodpecker.fault({ match: '/api/repos', answer, times: 2 });
    const response = await get('/api/repos/1');
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
      429,
      '2',
      'slow down',
    ]);
    expect((await get('/version')).status).toBe(200);
    expect((await get('/api/repos/1')).status).toBe(429);
    expect((await get('/api/repos/1')).status).toBe(200);
    expect(fault.hits).toBe(2);
  });

  it('stay until they are cleared, and match by pattern or test', async () => {
    const pattern = woodpecker.fault({ match: /pipelines\?page=2$/, answer: { status: 502 } });
    woodpecker.fault({ match: ({ user }) => user === 'root', answer: { status: 503 } });
    expect((await get('/api/repos/1/pipelines?page=1')).status).toBe(200);
    expect((await get('/api/repos/1/pipelines?page=2')).status).toBe(502);
    expect((await get('/api/repos/1', woodpecker.adminToken)).status).toBe(503);
    pattern.clear();
    expect((await get('/api/repos/1/pipelines?page=2')).status).toBe(200);
    woodpecker.clearFaults();
    expect((await get('/api/repos/1', woodpecker.adminToken)).status).toBe(200);
  });

  it('cut an answer short', async () => {
    woodpecker.fault({ answer: { truncateAfterBytes: 10 }, times: 1 });
    const response = await get('/api/repos/1');
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
  });

  it('drop the connection', async () => {
    woodpecker.fault({ answer: 'drop', times: 1 });
    await expect(get('/api/repos/1')).rejects.toThrow('fetch failed');
    expect((await get('/api/repos/1')).status).toBe(200);
  });

  it('never answer, until the server stops', async () => {
    woodpecker.fault({ answer: 'hang' });
    const hanging = get('/api/repos/1').catch((error: Error) => error.message);
    await expect.poll(() => woodpecker.concurrency.current).toBe(1);
    await woodpecker.stop();
    expect(await hanging).toBe('fetch failed');
  });

  it('delay answers, and their delays are added', async () => {
    woodpecker.fault({ delayMs: 40, times: 1 });
    woodpecker.fault({ delayMs: () => 40, answer: { status: 500 }, times: 1 });
    expect((await get('/api/repos/1')).status).toBe(500);
    expect(woodpecker.requests[0]?.durationMs).toBeGreaterThanOrEqual(75);
  });

  it('do not delay the stop of the server', async () => {
    woodpecker.fault({ delayMs: 60_000 });
    const waiting = get('/api/repos/1').catch((error: Error) => error.message);
    await expect.poll(() => woodpecker.concurrency.current).toBe(1);
    await woodpecker.stop();
    expect(await waiting).toBe('fetch failed');
  });

  it('affect the stream, too', async () => {
    woodpecker.fault({ match: '/api/stream', answer: { status: 502 }, times: 1 });
    expect((await get('/api/stream/events')).status).toBe(502);
  });
});

describe('disturbances of the stream', () => {
  let stream: Awaited<ReturnType<typeof openStream>>;
  const numbers = () => stream.messages().map(({ pipeline }) => pipeline.number);

  function create(count: number): void {
    for (let index = 0; index < count; index += 1) woodpecker.createPipeline(1, { stopAt: 'blocked' });
  }

  beforeEach(async () => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
    stream = await openStream();
  });

  it('double, lose and shuffle a number of messages', async () => {
    woodpecker.streams.disturb({ duplicate: true, messages: 1 });
    create(2);
    woodpecker.streams.disturb({ lose: true, messages: 1 });
    create(2);
    woodpecker.streams.disturb({ shuffle: 3, messages: 3 });
    create(4);
    await stream.until(8);
    expect(numbers()).toEqual([1, 1, 2, 4, 7, 6, 5, 8]);
  });

  it('delay messages, so that later ones arrive first', async () => {
    woodpecker.streams.disturb({ delayMs: 50, messages: 1 });
    create(2);
    await stream.until(2);
    expect(numbers()).toEqual([2, 1]);
  });

  it('keep messages back until calm', async () => {
    woodpecker.streams.disturb({ shuffle: 100 });
    create(2);
    woodpecker.streams.calm();
    create(1);
    await stream.until(3);
    expect(numbers()).toEqual([2, 1, 3]);
  });

  it('write any bytes, and break all streams', async () => {
    woodpecker.streams.writeRaw('data: {not json\n\n');
    await expect.poll(() => stream.text()).toBe(': ping\n\ndata: {not json\n\n');
    woodpecker.streams.dropAll();
    await expect.poll(() => stream.isOpen()).toBe(false);
    expect(woodpecker.streams.openCount).toBe(0);
  });
});

describe('the record of requests', () => {
  it('contains each request, its user, and its result', async () => {
    woodpecker.addRepo({ fullName: 'acme/shop', private: true });
    await get('/api/repos/1/pipelines?page=2', woodpecker.userToken);
    await get('/version', null);
    await expect.poll(() => woodpecker.requests.every(({ durationMs }) => durationMs !== null)).toBe(true);
    expect(woodpecker.requests).toMatchObject([
      { method: 'GET', path: '/api/repos/1/pipelines', query: '?page=2', user: 'alice', status: 404 },
      { method: 'GET', path: '/version', query: '', user: null, status: 200 },
    ]);
    woodpecker.clearRequests();
    expect(woodpecker.requests).toEqual([]);
  });

  it('counts simultaneous requests, except streams', async () => {
    await openStream();
    woodpecker.fault({ match: '/version', delayMs: 50 });
    await Promise.all(['/version', '/version', '/version'].map((path) => get(path)));
    expect(woodpecker.concurrency.peak).toBe(3);
    await expect.poll(() => woodpecker.concurrency.current).toBe(0);
    woodpecker.clearRequests();
    expect(woodpecker.concurrency.peak).toBe(0);
  });
});

describe('the server', () => {
  it('has no address before its first start', () => {
    expect(() => createFakeWoodpecker().url).toThrow('Start the fake Woodpecker before asking for its URL');
  });

  it('refuses connections while it is stopped, and keeps its tables', async () => {
    woodpecker.addRepo({ fullName: 'acme/shop' });
    await woodpecker.stop();
    await expect(get('/version')).rejects.toThrow('fetch failed');
    woodpecker.addPipeline(1);
    await woodpecker.start();
    expect(await numbersOf('/api/repos/1/pipelines')).toEqual([1]);
  });
});
