/**
 * The event stream, from bytes to figures: how a connection reads the server's messages, and when it is given up
 * and opened again. Time is simulated; the sockets are real in the tests that use a Woodpecker. That order, loss and
 * repetition of reports do not change what is counted is a law: `test/laws/order.test.ts`.
 */

import { describe, expect, it } from 'vitest';
import type { SourceLoop } from '../../src/sources/start.ts';
import { Unauthorized, Unavailable } from '../../src/woodpecker/client.ts';
import { openEventStream, type StreamItem } from '../../src/woodpecker/event-stream.ts';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { dawn, type Live, type LiveHarness, passWithPings, startLive } from '../support/live-harness.ts';
import { createSimulatedClock, type SimulatedClock } from '../support/simulated-clock.ts';

const second = 1_000;
const minute = 60 * second;

interface Connection {
  readonly clock: SimulatedClock;
  send(text: string | Uint8Array): Promise<void>;
  end(): Promise<void>;
  readonly items: readonly StreamItem[];
  /** `open`, or how the connection ended: `ended`, or the error. */
  readonly outcome: unknown;
  abort(): Promise<void>;
}

/** A connection whose bytes the test writes. */
async function connect(
  answer: { status?: number; type?: string } = {},
  idleMs?: number,
): Promise<Connection> {
  const clock = createSimulatedClock(dawn);
  const aborter = new AbortController();
  let writer: ReadableStreamDefaultController<Uint8Array> | null = null;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      writer = controller;
    },
  });
  const items: StreamItem[] = [];
  let outcome: unknown = 'open';
  const options = {
    url: 'http://woodpecker.test',
    token: 'secret',
    clock,
    fetch: async (_: unknown, init?: RequestInit) => {
      init?.signal?.addEventListener('abort', () => writer?.error(init.signal?.reason), { once: true });
      return new Response(body, {
        status: answer.status ?? 200,
        headers: { 'content-type': answer.type ?? 'text/event-stream' },
      });
    },
    ...(idleMs === undefined ? {} : { idleMs }),
  };
  (async () => {
    for await (const some of openEventStream(options, aborter.signal)) items.push(...some);
  })().then(
    () => {
      outcome = 'ended';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  await clock.settle();
  return {
    clock,
    async send(text) {
      writer?.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text);
      await clock.settle();
    },
    async end() {
      writer?.close();
      await clock.settle();
    },
    items,
    get outcome() {
      return outcome;
    },
    async abort() {
      aborter.abort(new Error('Enough'));
      await clock.settle();
    },
  };
}

const event = (number: number, message = '') => ({
  repo: { id: 1, full_name: 'acme/shop' },
  pipeline: { number, status: 'success', message },
});
const lineOf = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const kinds = (items: readonly StreamItem[]) => items.map(({ kind }) => kind);

describe('openEventStream', () => {
  it('yields events as they arrive, however their bytes are split', async () => {
    const connection = await connect();
    const bytes = new TextEncoder().encode(`: ping\n\n${lineOf(event(7, 'über 日本'))}${lineOf(event(8))}`);

    for (const byte of bytes) await connection.send(Uint8Array.of(byte));

    const events = connection.items.flatMap((item) => (item.kind === 'event' ? item.event.pipeline : []));
    expect(events.map(({ number, message }) => [number, message])).toEqual([
      [7, 'über 日本'],
      [8, ''],
    ]);
    expect(kinds(connection.items)).toEqual(['open', 'event', 'event']);
  });

  it('yields a message that is no event as unreadable, and continues', async () => {
    const connection = await connect();

    for (const text of ['data: {"repo":\n\n', 'data: []\n\n', 'data: null\n\n', lineOf({ repo: {} })]) {
      await connection.send(text);
    }
    await connection.send('nonsense\n: a comment\nid: 5\n\n');
    await connection.send(lineOf(event(9)));

    expect(kinds(connection.items)).toEqual([
      'open',
      'unreadable',
      'unreadable',
      'unreadable',
      'unreadable',
      'event',
    ]);
    expect(connection.outcome).toBe('open');
  });

  it('gives up a connection that is silent for longer than two pings, and no sooner', async () => {
    const connection = await connect();

    for (let ping = 0; ping < 3; ping++) {
      await connection.clock.pass(65 * second);
      expect(connection.outcome).toBe('open');
      await connection.send(': ping\n\n');
    }
    await connection.clock.pass(90 * second);

    expect(connection.outcome).toBeInstanceOf(Unavailable);
    expect(String(connection.outcome)).toMatch(/silent/);
    expect(connection.clock.sleepers).toBe(0);
  });

  it.each([
    ['a line', 'data: ', 'x'.repeat(64 * 1024)],
    ['a message of many lines', '', `data: ${'x'.repeat(1_000)}\n`.repeat(64)],
  ])('gives up a connection that sends %s without end', async (_, begin, part) => {
    const connection = await connect();

    await connection.send(begin);
    for (let sent = 0; sent < 200 && connection.outcome === 'open'; sent++) await connection.send(part);

    expect(connection.outcome).toBeInstanceOf(Unavailable);
    expect(connection.clock.sleepers).toBe(0);
  });

  it('rejects an answer that is no stream, and distinguishes a refused token from a failing server', async () => {
    expect((await connect({ type: 'text/html' })).outcome).toBeInstanceOf(Unavailable);
    expect((await connect({ status: 502 })).outcome).toBeInstanceOf(Unavailable);
    expect((await connect({ status: 401 })).outcome).toBeInstanceOf(Unauthorized);
  });

  it('ends when the server ends it, rejects when it is aborted, and leaves no timer behind', async () => {
    const ended = await connect();
    await ended.end();
    expect(ended.outcome).toBe('ended');
    expect(ended.clock.sleepers).toBe(0);

    const aborted = await connect();
    await aborted.abort();
    expect(aborted.outcome).toEqual(new Error('Enough'));
    expect(aborted.clock.sleepers).toBe(0);
  });
});

const streamRequests = (woodpecker: FakeWoodpecker) =>
  woodpecker.requests.filter(({ path }) => path === '/api/stream/events');

const linesOfStream = (harness: LiveHarness) => harness.lines.filter((line) => /Event stream/.test(line));

/** An exporter whose loops run, and whose stream is open. */
async function connected(...loops: readonly SourceLoop[]): Promise<Live> {
  const live = await startLive();
  live.harness.run(...(loops.length > 0 ? loops : (['stream'] as const)));
  await live.clock.pass(3 * second);
  return live;
}

describe('the event stream', () => {
  it('counts an end as soon as it is reported, without a request', async () => {
    const { harness, woodpecker, clock } = await connected('stream', 'poll');
    woodpecker.clearRequests();

    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    await clock.pass(20 * second);
    woodpecker.finishPipeline('acme/shop', number, { status: 'failure' });
    await clock.settle();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 1 });
    expect(woodpecker.requests).toEqual([]);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('does not restore the old name of a renamed repo because of an older message', async () => {
    const { harness, woodpecker, clock } = await connected();
    const { number } = woodpecker.createPipeline('acme/shop');
    const { id, created, updated } = woodpecker.startPipeline('acme/shop', number);
    const repo = { ...woodpecker.repo('acme/shop') };
    await clock.pass(10 * second);
    woodpecker.renameRepo('acme/shop', 'acme/store');
    woodpecker.finishPipeline('acme/store', number);
    await clock.settle();
    expect(harness.shown('acme/store')).toMatchObject({ deployments: 1 });

    const pipeline = { id, number, status: 'running', event: 'push', branch: 'main', created, updated };
    await clock.pass(10 * second);
    woodpecker.streams.writeRaw(lineOf({ repo, pipeline }));
    await clock.settle();

    expect(harness.shown('acme/store')).toMatchObject({ deployments: 1 });
  });

  it('counts unreadable messages as rejected and stays connected', async () => {
    const { harness, woodpecker, clock } = await connected();

    woodpecker.streams.writeRaw('data: {"repo":\n\ndata: 7\n\n');
    await clock.settle();
    woodpecker.runPipeline('acme/shop');
    await clock.settle();

    expect(harness.events.get('stream rejected')).toBe(2);
    expect(harness.isConnected).toBe(true);
    expect(harness.losses).toBe(0);
    expect(harness.shown('acme/shop')?.deployments).toBe(1);
  });

  it('is not requested while the token is refused, which is logged once, and connects once the token works', async () => {
    const { harness, woodpecker, clock } = await startLive();
    const { token } = woodpecker.user('alice') ?? { token: '' };
    const isBad = woodpecker.fault({
      match: '/api/user',
      answer: { status: 401, body: 'User not authorized' },
    });
    harness.run('stream');

    await clock.pass(60 * minute);
    expect(token).not.toBe('');
    expect(
      harness.lines.filter((line) => /^error .*refuses the token: set DORA_WOODPECKER_TOKEN/.test(line)),
    ).toHaveLength(1);
    expect(streamRequests(woodpecker)).toEqual([]);
    expect(harness.isConnected).toBe(false);

    isBad.clear();
    await clock.pass(2 * minute);
    expect(harness.isConnected).toBe(true);
  });

  it.each<[string, SourceLoop[], number]>([
    ['reconciliation requests the user', ['stream', 'reconcile'], 6 * minute],
    ['nothing else requests the user', ['stream'], 11 * minute],
  ])('is disconnected after the token was reset, if %s', async (_, loops, ms) => {
    const live = await startLive();
    const { harness, woodpecker } = live;
    harness.run(...loops);
    await passWithPings(live, minute);
    expect(harness.isConnected).toBe(true);

    woodpecker.resetToken('alice');
    await passWithPings(live, ms);

    expect(harness.isConnected).toBe(false);
    expect(harness.lines.filter((line) => /refuses the token/.test(line))).toHaveLength(1);
  });

  it('reconnects after growing pauses of at most a minute', async () => {
    const { harness, woodpecker, clock } = await startLive();
    const times: number[] = [];
    woodpecker.onRequest(({ path }) => {
      if (path === '/api/stream/events') times.push(clock.now() / second);
    });
    using _fault = woodpecker.fault({ match: '/api/stream', answer: { status: 502 } });
    harness.run('stream');

    await clock.pass(20 * minute);

    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(pauses.length).toBeGreaterThan(15);
    expect(pauses[0]).toBeLessThanOrEqual(3);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60);
    for (let i = 1; i < 5; i++) expect(pauses[i]).toBeGreaterThan(pauses[i - 1] ?? 0);
  });

  it('reconnects within two seconds after a stable connection breaks', async () => {
    const live = await startLive();
    const { harness, woodpecker, clock } = live;
    harness.run('stream');
    await passWithPings(live, 10 * minute);
    expect(harness.losses).toBe(0);

    for (let round = 0; round < 3; round++) {
      woodpecker.streams.dropAll(round === 1 ? 'end' : 'break');
      await clock.pass(2 * second);
      expect(harness.isConnected).toBe(true);
      await passWithPings(live, 2 * minute);
    }

    expect(harness.losses).toBe(3);
  });

  it('reads over REST what it missed while disconnected, without waiting for the next round', async () => {
    const live = await startLive({ intervalSeconds: 0 });
    const { harness, woodpecker, clock } = live;
    harness.run('stream', 'poll', 'reconcile');
    await passWithPings(live, 5 * minute);
    expect(harness.rounds).toBe(1);
    const before = woodpecker.createPipeline('acme/shop');
    await clock.settle();

    woodpecker.streams.dropAll();
    woodpecker.startPipeline('acme/shop', before.number);
    woodpecker.finishPipeline('acme/shop', before.number, { status: 'failure' });
    woodpecker.runPipeline('acme/shop');
    await clock.pass(4 * second);

    expect(harness.rounds).toBe(2);
    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 2, failures: 1 });
  });

  it('reads over REST what happened between the connection and the subscription', async () => {
    const { harness, woodpecker, clock } = await startLive({ intervalSeconds: 0 });
    harness.run('stream', 'reconcile');
    // The server pings before it subscribes, so no message reports an end in between.
    woodpecker.streams.disturb({ lose: true });
    await clock.settle();
    expect(harness.isConnected).toBe(true);

    woodpecker.runPipeline('acme/shop');
    await clock.pass(3 * second);

    expect(harness.shown('acme/shop')?.deployments).toBe(1);
  });

  it('requests a private repo that is unknown when its event arrives', async () => {
    const { harness, woodpecker, clock } = await startLive({ intervalSeconds: 0 });
    // The repo is added after the backfill at start, but before the stream connects.
    woodpecker.addRepo({ fullName: 'acme/new', private: true, access: { alice: 'push' } });
    harness.run('stream', 'background');
    await clock.pass(3 * second);
    harness.run('reconcile');
    woodpecker.runPipeline('acme/new');
    await clock.pass(10 * second);

    expect(harness.shown('acme/new')?.deployments).toBe(1);
  });

  it('does not log a short loss of the connection', async () => {
    const live = await startLive();
    const { harness, woodpecker, clock } = live;
    harness.run('stream');
    for (let hours = 0; hours < 3; hours++) {
      await passWithPings(live, 2 * minute);
      woodpecker.streams.dropAll();
      await clock.pass(10 * second);
      await woodpecker.restart();
    }
    await passWithPings(live, 2 * minute);

    expect(harness.losses).toBeGreaterThanOrEqual(3);
    expect(linesOfStream(harness)).toEqual([]);
  });

  it('warns once if it does not stay open although Woodpecker answers, and logs its recovery once', async () => {
    const live = await startLive();
    const { harness, woodpecker, clock } = live;
    harness.run('stream', 'reconcile');
    await passWithPings(live, 2 * minute);
    const isCut = woodpecker.fault({ match: '/api/stream/events', answer: { status: 502 } });
    woodpecker.streams.dropAll();
    await clock.pass(4 * minute);
    expect(linesOfStream(harness)).toEqual([]);
    await clock.pass(2 * 60 * minute);
    expect(harness.stream.trouble).toMatch(/make sure that no proxy before Woodpecker buffers or cuts/);
    isCut.clear();
    await passWithPings(live, 10 * minute);

    const [warning, back, ...more] = linesOfStream(harness);
    expect(warning).toMatch(/^warn .*does not stay open.*502/);
    expect(back).toBe('info  Event stream stays open again');
    expect(more).toEqual([]);
    expect(harness.stream.trouble).toBeNull();
  });

  it('warns if every connection is cut soon after it opened', async () => {
    const { harness, woodpecker, clock } = await startLive();
    harness.run('stream');
    for (let passed = 0; passed < 60; passed++) {
      await clock.pass(30 * second);
      woodpecker.streams.dropAll('end');
    }
    expect(linesOfStream(harness)).toHaveLength(1);
    expect(linesOfStream(harness)[0]).toMatch(/^warn .*ended by the server/);
  });

  it('stops at once when it is aborted, and leaves no timer and no socket behind', async () => {
    const { harness, woodpecker, clock } = await startLive();
    harness.run('stream', 'poll', 'reconcile', 'background');
    await clock.pass(5 * second);
    expect(woodpecker.streams.openCount).toBe(1);

    await harness.stop();
    await clock.settle();

    await expect.poll(() => woodpecker.streams.openCount).toBe(0);
    expect(clock.sleepers).toBe(0);
  });
});
