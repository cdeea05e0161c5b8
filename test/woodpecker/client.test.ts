import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/util/clock.ts';
import {
  type ClientOptions,
  createWoodpeckerClient,
  NotFound,
  Unauthorized,
  Unavailable,
  type WoodpeckerClient,
} from '../../src/woodpecker/client.ts';
import {
  type FakeWoodpecker,
  type FakeWoodpeckerOptions,
  type FaultAnswer,
  startFakeWoodpecker,
} from '../support/fake-woodpecker.ts';

const { signal } = new AbortController();

async function start(options: FakeWoodpeckerOptions = {}): Promise<FakeWoodpecker> {
  const woodpecker = await startFakeWoodpecker({ now: () => 1_785_500_000, ...options });
  onTestFinished(() => woodpecker.close());
  return woodpecker;
}

/** A client that records its pauses instead of waiting. */
function clientOf(
  woodpecker: FakeWoodpecker,
  overrides: Partial<ClientOptions> = {},
): WoodpeckerClient & { readonly pauses: number[] } {
  const pauses: number[] = [];
  const sleep: ClientOptions['sleep'] = async (ms) => {
    pauses.push(ms);
  };
  const { url, adminToken: token } = woodpecker;
  return { ...createWoodpeckerClient({ url, token, sleep, timeoutMs: 5000, ...overrides }), pauses };
}

const asked = (woodpecker: FakeWoodpecker) =>
  woodpecker.requests.map(({ path, query }) => `${path}${decodeURIComponent(query)}`);

/** Rejects if the promise does not settle soon. */
async function promptly<T>(promise: Promise<T>): Promise<T> {
  const late = delay(5000, undefined, { ref: false }).then(() => {
    throw new Error('Not settled within five seconds');
  });
  return Promise.race([promise, late]);
}

describe('a request to Woodpecker', () => {
  it('goes to the sub-path of Woodpecker, and carries the token', async () => {
    const woodpecker = await start({ rootPath: '/ci' });
    await clientOf(woodpecker).user(signal);
    expect(woodpecker.url).toMatch(/\/ci$/);
    expect(asked(woodpecker)).toEqual(['/api/user']);
    expect(woodpecker.requests[0]?.headers.authorization).toBe(`Bearer ${woodpecker.adminToken}`);
  });

  it('does not follow a redirect, which could carry the token elsewhere', async () => {
    const [woodpecker, elsewhere] = [await start(), await start()];
    woodpecker.fault({ answer: { status: 302, headers: { location: `${elsewhere.url}/api/user` } } });
    await expect(clientOf(woodpecker).user(signal)).rejects.toThrow(Unavailable);
    expect(elsewhere.requests).toEqual([]);
  });

  it('never shows the token in an error', async () => {
    const woodpecker = await start();
    const { adminToken } = woodpecker;
    for (const answer of [{ status: 401 }, { status: 404 }, { status: 500 }, 'drop'] as const) {
      using _ = woodpecker.fault({ answer });
      const error = await clientOf(woodpecker)
        .user(signal)
        .catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Error);
      expect(JSON.stringify([String(error), (error as Error).cause])).not.toContain(adminToken);
    }
  });
});

describe('repos', () => {
  it.each([100, 120])('reads all pages of an administrator’s list of %i repos', async (count) => {
    const woodpecker = await start();
    const names = Array.from({ length: count }, (_, index) => `acme/r${100 + index}`);
    for (const fullName of names) woodpecker.addRepo({ fullName, private: true });
    woodpecker.addRepo({ fullName: 'acme/retired', active: false });
    const { rows } = await clientOf(woodpecker).repos(true, signal);
    expect(rows.map(({ full_name }) => full_name)).toEqual(names);
    expect(asked(woodpecker)).toEqual(
      [1, 2, 3].map((page) => `/api/repos?active=true&page=${page}&perPage=50`),
    );
  });

  it('reads a user’s list, which has no pages, in one request', async () => {
    const woodpecker = await start();
    for (let i = 100; i < 160; i++) {
      woodpecker.addRepo({ fullName: `acme/r${i}`, private: true, access: { alice: 'push' } });
    }
    woodpecker.addRepo({ fullName: 'acme/secret', private: true });
    const client = clientOf(woodpecker, { token: woodpecker.userToken });
    const { rows: repos } = await client.repos(false, signal);
    expect(repos.length).toBe(60);
    expect(repos[0]).toMatchObject({ id: 1, full_name: 'acme/r100', default_branch: 'main' });
    expect(asked(woodpecker)).toEqual(['/api/user/repos']);
  });

  it('reads null, which Go writes for an empty list, as no rows', async () => {
    const woodpecker = await start();
    const headers = { 'content-type': 'application/json' };
    woodpecker.fault({ answer: { status: 200, body: 'null', headers } });
    const none = { rows: [], oddIds: [], length: 0 };
    expect(await clientOf(woodpecker).repos(false, signal)).toEqual(none);
    expect(await clientOf(woodpecker).repos(true, signal)).toEqual(none);
    expect(await clientOf(woodpecker).pipelines(1, { page: 1 }, signal)).toEqual(none);
    expect(await clientOf(woodpecker).feed(signal)).toEqual([]);
  });
});

describe('a single repo', () => {
  it('is found by a name with several slashes, whatever its case', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/tools/shop', id: 7 });
    const repo = await clientOf(woodpecker).lookUpRepo('Acme/Tools/Shop', signal);
    expect(repo).toMatchObject({ id: 7, full_name: 'acme/tools/shop', owner: 'acme/tools' });
    expect(asked(woodpecker)).toEqual(['/api/repos/lookup/Acme/Tools/Shop']);
  });

  it('is found by a name with characters that are special in a URL', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/100%?#ü', id: 7 });
    expect(await clientOf(woodpecker).lookUpRepo('acme/100%?#ü', signal)).toMatchObject({ id: 7 });
    expect(woodpecker.requests[0]?.path).toBe('/api/repos/lookup/acme/100%25%3F%23%C3%BC');
  });

  it('is found by the name it had before it was renamed', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/shop', id: 7 });
    woodpecker.renameRepo('acme/shop', 'acme/store');
    const repo = await clientOf(woodpecker).lookUpRepo('acme/shop', signal);
    expect(repo).toMatchObject({ id: 7, full_name: 'acme/store' });
  });
});

describe('pipelines', () => {
  async function withPipelines(): Promise<FakeWoodpecker> {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/shop', id: 7 });
    for (let number = 1; number <= 60; number++) {
      const status = number % 10 === 0 ? 'failure' : 'success';
      woodpecker.addPipeline(7, { number, status, created: 1_785_000_000 + number });
    }
    return woodpecker;
  }

  const numbers = ({ rows }: { readonly rows: readonly { number: number }[] }) =>
    rows.map(({ number }) => number);

  it('arrive newest first, fifty to a page, without workflows', async () => {
    const woodpecker = await withPipelines();
    const { rows: first } = await clientOf(woodpecker).pipelines(7, { page: 1 }, signal);
    expect([first.length, first[0]?.number, first[49]?.number]).toEqual([50, 60, 11]);
    expect(first.filter(({ workflows }) => workflows)).toEqual([]);
    expect(numbers(await clientOf(woodpecker).pipelines(7, { page: 2 }, signal))).toEqual([
      10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    expect((await clientOf(woodpecker).pipelines(7, { page: 3 }, signal)).rows).toEqual([]);
    expect(asked(woodpecker)).toEqual([
      '/api/repos/7/pipelines?page=1&perPage=50',
      '/api/repos/7/pipelines?page=2&perPage=50',
      '/api/repos/7/pipelines?page=3&perPage=50',
    ]);
  });

  it('can be filtered by time of creation and by status', async () => {
    const woodpecker = await withPipelines();
    const range = { page: 1, after: 1_785_000_009, before: 1_785_000_031 };
    const client = clientOf(woodpecker);
    expect(numbers(await client.pipelines(7, range, signal)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 21 }, (_, i) => i + 10),
    );
    expect(numbers(await client.pipelines(7, { ...range, status: 'failure' }, signal))).toEqual([30, 20, 10]);
    expect(asked(woodpecker)[1]).toBe(
      '/api/repos/7/pipelines?page=1&perPage=50&after=2026-07-25T17:20:09Z&before=2026-07-25T17:20:31Z&status=failure',
    );
  });
});

describe('a refusal', () => {
  it('is NotFound if the resource does not exist, and is not retried', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/shop', id: 7 });
    const client = clientOf(woodpecker);
    await expect(client.pipeline(7, 99, signal)).rejects.toThrow(NotFound);
    await expect(client.repo(8, signal)).rejects.toThrow(NotFound);
    await expect(client.lookUpRepo('acme/none', signal)).rejects.toThrow(
      'Woodpecker answered 404 to /api/repos/lookup/…',
    );
    expect(woodpecker.requests.length).toBe(3);
    expect(client.pauses).toEqual([]);
  });

  it('is Unauthorized if the token is refused, and is not retried', async () => {
    const woodpecker = await start();
    const client = clientOf(woodpecker, { token: woodpecker.badToken });
    await expect(client.user(signal)).rejects.toThrow(Unauthorized);
    await expect(client.user(signal)).rejects.toThrow(
      'Woodpecker answered 401 to /api/user: check the token',
    );
    expect(woodpecker.requests.length).toBe(2);
    expect(client.pauses).toEqual([]);
  });

  it('is Unauthorized if a right is missing', async () => {
    const woodpecker = await start();
    const client = clientOf(woodpecker, { token: woodpecker.userToken });
    await expect(client.repos(true, signal)).rejects.toThrow(Unauthorized);
    await expect(client.repos(true, signal)).rejects.toThrow('Woodpecker answered 403');
    expect(woodpecker.requests.length).toBe(2);
  });
});

describe('the name in a lookup, which the sender of a webhook has chosen', () => {
  it.each([404, 401, 403, 500, 302, 200])('is in no message after the status %i', async (status) => {
    const woodpecker = await start();
    const location = '/api/repos/lookup/acme/hidden';
    const headers = { 'content-type': 'application/json', ...(status === 302 && { location }) };
    woodpecker.fault({ answer: { status, body: '{}', headers } });
    const error: Error = await clientOf(woodpecker)
      .lookUpRepo('acme/hidden', signal)
      .then(
        () => new Error('It succeeded'),
        (reason) => reason,
      );
    expect(error.message).toContain('/api/repos/lookup/…');
    expect(error.message).not.toContain('hidden');
  });
});

describe('a temporary fault', () => {
  const json = { 'content-type': 'application/json' };
  const passing: readonly (readonly [string, FaultAnswer, RegExp])[] = [
    ['500', { status: 500 }, /answered 500 to \/api\/user/],
    ['502 with a page', { status: 502, body: '<html>', headers: { 'content-type': 'text/html' } }, /502/],
    ['503', { status: 503 }, /503/],
    ['429', { status: 429 }, /429/],
    [
      'a page with 200',
      { status: 200, body: '<!doctype html>', headers: { 'content-type': 'text/html; charset=UTF-8' } },
      /"text\/html; charset=UTF-8", not JSON: check the URL/,
    ],
    ['200 without a type', { status: 200, body: '' }, /not JSON/],
    [
      'garbage that calls itself JSON',
      { status: 200, body: '{"login": "al', headers: json },
      /not as expected: It is not JSON/,
    ],
    [
      'JSON of another shape',
      { status: 200, body: '{"login": 7}', headers: json },
      /not as expected: .*login/s,
    ],
    ['an answer that is cut off', { truncateAfterBytes: 10 }, /no usable answer to \/api\/user/],
    ['a dropped connection', 'drop', /no usable answer to \/api\/user/],
    ['silence', 'hang', /no usable answer to \/api\/user: .*timeout/],
  ];

  it.each(passing)('(%s) is retried until it has passed', async (name, answer) => {
    const woodpecker = await start();
    const fault = woodpecker.fault({ answer, times: 2 });
    const client = clientOf(woodpecker, name === 'silence' ? { timeoutMs: 400 } : {});
    expect(await client.user(signal)).toEqual({ login: 'root', admin: true });
    expect([fault.hits, woodpecker.requests.length, client.pauses.length]).toEqual([2, 3, 2]);
  });

  it.each(passing)('(%s) is Unavailable after five tries', async (name, answer, message) => {
    const woodpecker = await start();
    woodpecker.fault({ answer });
    const client = clientOf(woodpecker, name === 'silence' ? { timeoutMs: 50 } : {});
    const error = await client.user(signal).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Unavailable);
    expect(String(error)).toMatch(message);
    expect([woodpecker.requests.length, client.pauses.length]).toEqual([5, 4]);
  });

  it('is Unavailable if nobody listens, with the reason', async () => {
    const woodpecker = await start();
    await woodpecker.stop();
    await expect(clientOf(woodpecker).user(signal)).rejects.toThrow(/no usable answer.*ECONNREFUSED/);
  });

  it('contains the reason even if a name has several addresses', async () => {
    const refused = ['connect ECONNREFUSED ::1:80', 'connect ECONNREFUSED 127.0.0.1:80'];
    const cause = new AggregateError(refused.map((message) => new Error(message)));
    const client = createWoodpeckerClient({
      url: 'http://woodpecker.example.com',
      token: 'token',
      sleep: async () => undefined,
      fetch: () => Promise.reject(new TypeError('fetch failed', { cause })),
    });
    await expect(client.user(signal)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('is retried on page two as well as on page one', async () => {
    const woodpecker = await start();
    for (let i = 100; i < 160; i++) woodpecker.addRepo({ fullName: `acme/r${i}` });
    woodpecker.fault({ match: /page=2/, answer: { status: 503 }, times: 3 });
    expect((await clientOf(woodpecker).repos(true, signal)).length).toBe(60);
  });
});

describe('the pause before another try', () => {
  it.each([
    ['doubles, and is at least half of its full length', [0], [250, 500, 1000, 2000]],
    ['is at most its full length', [1 - Number.EPSILON], [500, 1000, 2000, 4000]],
    ['is random each time', [0, 0.5, 0, 0.5], [250, 750, 1000, 3000]],
  ])('%s', async (_, draws, pauses) => {
    const woodpecker = await start();
    woodpecker.fault({ answer: { status: 503 } });
    let drawn = 0;
    const client = clientOf(woodpecker, { random: () => draws[drawn++ % draws.length] ?? 0 });
    await expect(client.user(signal)).rejects.toThrow(Unavailable);
    expect(client.pauses.map(Math.round)).toEqual(pauses);
  });

  async function pausesAfter(retryAfter: string, status = 429): Promise<number[]> {
    const woodpecker = await start();
    woodpecker.fault({ answer: { status, headers: { 'retry-after': retryAfter } }, times: 1 });
    const client = clientOf(woodpecker, { random: () => 0 });
    await client.user(signal);
    return client.pauses;
  }

  it.each([
    ['is as long as Retry-After says in seconds', '7', 7000],
    ['is five minutes at most, whatever number Retry-After says', '86400', 300_000],
    ['is five minutes at most, whatever time Retry-After says', 'Wed, 21 Oct 2099 07:28:00 GMT', 300_000],
    ['is the usual one if Retry-After cannot be read', 'in a minute', 250],
    ['is the usual one if Retry-After is negative', '-5', 250],
    ['is the usual one if Retry-After is no whole number', '1.5', 250],
  ])('%s', async (_, retryAfter, pause) => {
    expect(await pausesAfter(retryAfter)).toEqual([pause]);
    expect(await pausesAfter(retryAfter, 503)).toEqual([pause]);
  });

  it('ends at the time in Retry-After', async () => {
    const [pause] = await pausesAfter(new Date(Date.now() + 60_000).toUTCString());
    expect(pause).toBeGreaterThan(55_000);
    expect(pause).toBeLessThanOrEqual(60_000);
  });
});

describe('many requests', () => {
  it('run at most four at once', async () => {
    const woodpecker = await start();
    woodpecker.fault({ delayMs: 80 });
    const client = clientOf(woodpecker);
    await Promise.all(Array.from({ length: 13 }, () => client.user(signal)));
    expect(woodpecker.requests.length).toBe(13);
    expect(woodpecker.concurrency.peak).toBe(4);
  });

  it('do not wait for requests that pause', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/shop', id: 7 });
    woodpecker.fault({ match: '/api/user', answer: { status: 503 }, times: 4 });
    const pausing = Promise.withResolvers<void>();
    let paused = 0;
    const client = clientOf(woodpecker, {
      sleep: () => {
        paused++;
        return pausing.promise;
      },
    });
    const users = Array.from({ length: 4 }, () => client.user(signal));
    await expect.poll(() => paused).toBe(4);
    expect(await promptly(client.repo(7, signal))).toMatchObject({ id: 7 });
    pausing.resolve();
    expect((await Promise.all(users)).map(({ login }) => login)).toEqual(['root', 'root', 'root', 'root']);
  });

  it('free their places when they fail', async () => {
    const woodpecker = await start();
    const client = clientOf(woodpecker);
    await Promise.allSettled(Array.from({ length: 12 }, () => client.repo(99, signal)));
    expect(await promptly(client.user(signal))).toMatchObject({ login: 'root' });
  });
});

describe('an abort', () => {
  const reason = new Error('Service is stopping');

  it('ends a request that gets no answer', async () => {
    const woodpecker = await start();
    woodpecker.fault({ answer: 'hang' });
    const aborter = new AbortController();
    const client = clientOf(woodpecker, { timeoutMs: 30_000 });
    const user = client.user(aborter.signal);
    await expect.poll(() => woodpecker.requests.length).toBe(1);
    aborter.abort(reason);
    await expect(promptly(user)).rejects.toBe(reason);
    expect([woodpecker.requests.length, client.pauses.length]).toEqual([1, 0]);
  });

  it('ends a pause', async () => {
    const woodpecker = await start();
    woodpecker.fault({ answer: { status: 503, headers: { 'retry-after': '60' } } });
    const aborter = new AbortController();
    const client = clientOf(woodpecker, { sleep: systemClock.sleep });
    const user = client.user(aborter.signal);
    await expect.poll(() => woodpecker.requests[0]?.status).toBe(503);
    await delay(20);
    aborter.abort(reason);
    await expect(promptly(user)).rejects.toThrow();
    expect(woodpecker.requests.length).toBe(1);
  });

  it('ends the waiting requests along with the running ones', async () => {
    const woodpecker = await start();
    woodpecker.fault({ answer: 'hang' });
    const aborter = new AbortController();
    const client = clientOf(woodpecker, { timeoutMs: 30_000 });
    const users = Array.from({ length: 9 }, () => client.user(aborter.signal));
    await expect.poll(() => woodpecker.requests.length).toBe(4);
    aborter.abort(reason);
    const settled = await promptly(Promise.allSettled(users));
    expect(settled.map((result) => result.status === 'rejected' && result.reason === reason)).toEqual(
      Array.from({ length: 9 }, () => true),
    );
    expect(woodpecker.requests.length).toBe(4);
  });

  it('ends a waiting request while the running ones continue', async () => {
    const woodpecker = await start();
    woodpecker.fault({ answer: 'hang', match: '/api/user' });
    const client = clientOf(woodpecker, { timeoutMs: 30_000 });
    const others = new AbortController();
    const users = Array.from({ length: 4 }, () => client.user(others.signal));
    await expect.poll(() => woodpecker.requests.length).toBe(4);
    const aborter = new AbortController();
    const repo = client.repo(7, aborter.signal);
    aborter.abort(reason);
    try {
      await expect(promptly(repo)).rejects.toBe(reason);
    } finally {
      others.abort();
      await Promise.allSettled([...users, repo]);
    }
  });

  it('before a request prevents the request', async () => {
    const woodpecker = await start();
    await expect(clientOf(woodpecker).user(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(woodpecker.requests).toEqual([]);
  });
});

describe('onRequest', () => {
  it('receives the end of every request, and whether it was usable, but no aborted one', async () => {
    const woodpecker = await start();
    const ends: unknown[] = [];
    const onRequest: ClientOptions['onRequest'] = ({ status, isUsable, isTokenValid, ms }) =>
      ends.push([status, isUsable, isTokenValid, ms >= 0]);
    const client = clientOf(woodpecker, { onRequest, timeoutMs: 30_000 });
    await client.user(signal);
    await client.repo(99, signal).catch(() => undefined);
    const headers = { 'content-type': 'text/html' };
    for (const answer of [{ status: 503 }, 'drop', { status: 200, body: '<html>', headers }] as const) {
      woodpecker.fault({ answer, times: 1 });
      await client.user(signal);
    }
    const stranger = clientOf(woodpecker, { onRequest, token: woodpecker.badToken });
    await stranger.user(signal).catch(() => undefined);
    woodpecker.fault({ answer: 'hang', times: 1 });
    const aborter = new AbortController();
    const aborted = client.user(aborter.signal);
    await delay(50);
    aborter.abort();
    await expect(promptly(aborted)).rejects.toThrow();

    expect(ends).toEqual([
      [200, true, true, true],
      [404, true, null, true],
      [503, false, null, true],
      [200, true, true, true],
      [0, false, null, true],
      [200, true, true, true],
      [200, false, null, true],
      [200, true, true, true],
      [401, false, false, true],
    ]);
  });
});
