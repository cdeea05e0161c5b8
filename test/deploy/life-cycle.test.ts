import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ExporterProcess,
  fallenCounters,
  type Metrics,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { repository } from '../support/repository.ts';
import { requireProgram } from '../support/requirement.ts';

/** A report of an end; every fifth a failure. */
const reportOf = (number: number) => ({
  repo: `acme/repo-${number % 7}`,
  number,
  status: number % 5 === 0 ? 'failure' : 'success',
  event: 'push',
  finished: 1_785_000_000 + number * 60,
});

/** Series about deployments; what a process tells of itself differs from run to run. */
const deployments = (metrics: Metrics) =>
  [...metrics].filter(([name]) => /^dora_(deployment|change|window)/.test(name)).sort();

const total = (metrics: Metrics) =>
  [...metrics].reduce(
    (sum, [name, value]) => sum + (name.startsWith('dora_deployments_total{') ? value : 0),
    0,
  );

/** Posts report after report from several senders until told to stop; tells how many were acknowledged. */
function load(exporter: ExporterProcess) {
  let isOn = true;
  let sent = 0;
  let acknowledged = 0;
  const send = async () => {
    while (isOn) {
      const answer = await exporter.post(reportOf(++sent));
      if (answer.status === 202) acknowledged++;
    }
  };
  const senders = Promise.all(Array.from({ length: 8 }, send));
  return {
    acknowledged: () => acknowledged,
    sent: () => sent,
    async stop() {
      isOn = false;
      await senders;
    },
  };
}

/** Reports of all numbers between, both included, a few at a time. */
async function postAll(exporter: ExporterProcess, first: number, last: number): Promise<void> {
  for (let start = first; start <= last; start += 20) {
    const numbers = Array.from({ length: Math.min(20, last + 1 - start) }, (_, index) => start + index);
    for (const { status } of await Promise.all(numbers.map((number) => exporter.post(reportOf(number))))) {
      expect(status).toBe(202);
    }
  }
}

/** Runs `deploy/backup.ts` into a file; resolves with its exit code and what it said. */
async function backUp(databasePath: string, target: string): Promise<{ code: number | null; said: string }> {
  const file = openSync(target, 'w');
  const child: ChildProcess = spawn(process.execPath, [join(repository, 'deploy/backup.ts')], {
    env: { PATH: process.env['PATH'], DORA_DATABASE: databasePath },
    stdio: ['ignore', file, 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  closeSync(file);
  return { code, said };
}

/** Runs `deploy/restore.ts` with a copy on its standard input. */
function restore(databasePath: string, copyPath: string): { code: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(repository, 'deploy/restore.ts')], {
    env: { PATH: process.env['PATH'], DORA_DATABASE: databasePath },
    input: readFileSync(copyPath),
    encoding: 'utf8',
  });
  return { code: status, said: stderr };
}

/** The links in a folder, each with its target; none of those that are gone by now. */
function readlinks(folder: string): [path: string, target: string][] {
  return readdirSync(folder).flatMap((name): [string, string][] => {
    try {
      return [[join(folder, name), readlinkSync(join(folder, name))]];
    } catch {
      return [];
    }
  });
}

describe('a backup', () => {
  it('is whole though webhooks arrive meanwhile, and an exporter goes on from it', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    const loading = load(exporter);
    await expect.poll(() => loading.acknowledged()).toBeGreaterThan(300);

    const before = loading.acknowledged();
    const target = join(folder, 'busy.db');
    expect(await backUp(database, target)).toEqual({ code: 0, said: '' });
    const meanwhile = loading.acknowledged();
    await loading.stop();
    expect(meanwhile).toBeGreaterThan(before);
    expect(readdirSync(folder).filter((name) => name.includes('copy'))).toEqual([]);

    const restored = await startExporter({ DORA_DATABASE: target });
    const held = total(await restored.metrics());
    expect(held).toBeGreaterThanOrEqual(before);
    expect(held).toBeLessThanOrEqual(loading.sent());
    await postAll(restored, 1, loading.sent());
    expect(deployments(await restored.metrics())).toEqual(deployments(await exporter.metrics()));
  });

  it.for(['backup.ts', 'sqlite3'])('holds the same totals, made with %s', async (way, { skip }) => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    await postAll(exporter, 1, 60);
    const target = join(folder, 'copy.db');
    if (way === 'sqlite3') execFileSync(requireProgram('sqlite3', skip), [database, `.backup ${target}`]);
    else expect((await backUp(database, target)).code).toBe(0);

    const restored = await startExporter({ DORA_DATABASE: target });
    const metrics = await restored.metrics();
    expect(total(metrics)).toBe(60);
    expect(deployments(metrics)).toEqual(deployments(await exporter.metrics()));
  });

  it('is put back in the place of another database, whose log goes with it', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const first = await startExporter({ DORA_DATABASE: database });
    await postAll(first, 1, 20);
    const kept = await first.metrics();
    const target = join(folder, 'backup.db');
    expect((await backUp(database, target)).code).toBe(0);
    await postAll(first, 21, 40);
    await first.stop('SIGKILL');
    expect(existsSync(`${database}-wal`)).toBe(true);

    expect(restore(database, target)).toEqual({ code: 0, said: '' });
    expect(statSync(database).mode & 0o777).toBe(0o600);
    const restored = await startExporter({ DORA_DATABASE: database });
    expect(deployments(await restored.metrics())).toEqual(deployments(kept));
    await postAll(restored, 21, 40);
    expect(fallenCounters(kept, await restored.metrics())).toEqual([]);
    expect(total(await restored.metrics())).toBe(40);
  });

  it('is put where there is no database yet', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    await postAll(exporter, 1, 5);
    const target = join(folder, 'backup.db');
    await backUp(database, target);
    const other = join(folder, 'new/place/dora.db');
    expect(restore(other, target)).toEqual({ code: 0, said: '' });
    expect(total(await (await startExporter({ DORA_DATABASE: other })).metrics())).toBe(5);
  });

  it('is not put back while an exporter runs, nor when it is broken, and then leaves all as it was', async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    await postAll(exporter, 1, 1_000);
    const target = join(folder, 'backup.db');
    await backUp(database, target);
    const whole = readFileSync(target);
    const files = () => readdirSync(folder).sort();
    const before = files();
    expect(restore(database, target)).toEqual({
      code: 1,
      said: expect.stringContaining('in use by another'),
    });
    expect(files()).toEqual(before);

    await exporter.stop();
    const kept = readFileSync(database);
    const stopped = files();
    // Among the pipelines, which only a check of the whole file reads; what comes before holds the schema.
    const middle = Math.floor(whole.length / 2);
    const holed = Buffer.from(whole).fill(0, middle, middle + 20_000);
    for (const [copy, reason] of [
      [Buffer.alloc(0), 'empty'],
      [Buffer.from('no database, but longer than the sixteen letters of its head'), 'not a database'],
      [whole.subarray(0, whole.length / 2), 'malformed'],
      [holed, 'damaged'],
    ] as const) {
      writeFileSync(target, copy);
      const { code, said } = restore(database, target);
      expect([reason, code, said]).toEqual([reason, 1, expect.stringContaining(reason)]);
      expect(files()).toEqual(stopped);
      expect(readFileSync(database).equals(kept)).toBe(true);
    }
    expect(restore(':memory:', target)).toEqual({ code: 1, said: expect.stringContaining('nothing can be') });
  });

  it("is made in a file that is its owner's alone", async () => {
    const folder = temporaryFolder();
    const database = join(folder, 'dora.db');
    const exporter = await startExporter({ DORA_DATABASE: database });
    await postAll(exporter, 1, 1_000);
    // More than fits into a pipe: it waits to be read.
    const child = spawn(process.execPath, [join(repository, 'deploy/backup.ts')], {
      env: { PATH: process.env['PATH'], DORA_DATABASE: database },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const openFiles = () =>
      readlinks(`/proc/${child.pid}/fd`).filter(([, target]) => target.includes('.copy-'));
    await expect.poll(openFiles).toHaveLength(1);
    expect(openFiles()[0]?.[1]).toMatch(/ \(deleted\)$/);
    expect(statSync(openFiles()[0]?.[0] ?? '').mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.includes('copy'))).toEqual([]);
    child.stdout.resume();
    expect(await new Promise<number | null>((resolve) => child.once('close', resolve))).toBe(0);
  });

  it('is none, and says why, where there is no database', async () => {
    const folder = temporaryFolder();
    const missing = await backUp(join(folder, 'none.db'), join(folder, 'copy.db'));
    expect(missing).toEqual({ code: 1, said: expect.stringContaining('Cannot copy') });
    expect(readdirSync(folder)).toEqual(['copy.db']);
    const kept = await backUp(':memory:', join(folder, 'copy.db'));
    expect(kept).toEqual({ code: 1, said: expect.stringContaining('nothing to copy') });
  });
});

async function startWoodpecker(): Promise<FakeWoodpecker> {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
  woodpecker.addPipeline('acme/shop', {});
  return woodpecker;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Hands a request on to Woodpecker, and its answer back as it comes. */
function handOn(woodpecker: FakeWoodpecker, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const onward = request(
    new URL(incoming.url ?? '/', woodpecker.url),
    { method: incoming.method, headers: incoming.headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    },
  );
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

const asking = (url: string, woodpecker: FakeWoodpecker) => ({
  DORA_DATABASE: ':memory:',
  DORA_WOODPECKER_URL: url,
  DORA_WOODPECKER_TOKEN: woodpecker.userToken,
});

async function expectInTouch(exporter: ExporterProcess): Promise<void> {
  const metric = async (name: string) => (await exporter.metrics()).get(name);
  const counted = 'dora_deployments_total{repo="acme/shop",tier="unassigned"}';
  await expect.poll(() => metric(counted)).toBe(1);
  await expect.poll(() => metric('dora_exporter_stream_connected')).toBe(1);
  expect(await metric('dora_exporter_woodpecker_up')).toBe(1);
}

async function expectOutOfTouch(exporter: ExporterProcess, reason: RegExp): Promise<void> {
  await expect.poll(async () => (await exporter.metrics()).get('dora_exporter_woodpecker_up')).toBe(0);
  expect(exporter.output()).toMatch(reason);
}

describe('a Woodpecker with a certificate of a private authority', () => {
  /** Files of a new authority and of a certificate for loopback that it signed. */
  function createAuthority(openssl: string) {
    const folder = temporaryFolder();
    const path = (name: string) => join(folder, name);
    const run = (...args: string[]) => execFileSync(openssl, args, { cwd: folder, stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const authority = [
      '-x509',
      '-days',
      '2',
      '-subj',
      '/CN=Test authority',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    ];
    run('req', ...key, ...authority);
    run('req', ...key, '-subj', '/CN=127.0.0.1', '-keyout', 'server.key', '-out', 'server.csr');
    writeFileSync(path('names'), 'subjectAltName=IP:127.0.0.1');
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
    run('x509', '-req', '-in', 'server.csr', '-days', '2', ...signing, '-out', 'server.pem');
    return {
      authorityPath: path('ca.pem'),
      keyPath: path('server.key'),
      certificatePath: path('server.pem'),
    };
  }

  it('is trusted where NODE_EXTRA_CA_CERTS names the authority, and not else', async ({ skip }) => {
    const openssl = requireProgram('openssl', skip);
    const woodpecker = await startWoodpecker();
    const { authorityPath, keyPath, certificatePath } = createAuthority(openssl);
    const server = createSecureServer(
      { key: readFileSync(keyPath), cert: readFileSync(certificatePath) },
      (incoming, outgoing) => handOn(woodpecker, incoming, outgoing),
    );
    let handshakesLeft = 0;
    let requests = 0;
    server.on('tlsClientError', () => handshakesLeft++);
    server.on('request', () => requests++);
    const url = `https://127.0.0.1:${await listen(server)}`;

    const wary = await startExporter(asking(url, woodpecker));
    await expectOutOfTouch(wary, /gives no usable answer.* error=.*certificate/);
    expect(handshakesLeft).toBeGreaterThan(0);
    expect(requests).toBe(0);
    const trusting = await startExporter({ ...asking(url, woodpecker), NODE_EXTRA_CA_CERTS: authorityPath });
    await expectInTouch(trusting);
  });
});

describe('a Woodpecker behind an HTTP proxy', () => {
  /** A proxy that alone knows the way to `woodpecker.invalid`, and notes what it was asked for. */
  async function startProxy(woodpecker: FakeWoodpecker) {
    const asked: string[] = [];
    const { port } = new URL(woodpecker.url);
    const server = createServer((incoming, outgoing) => {
      asked.push(`${incoming.method} ${incoming.url}`);
      incoming.url = new URL(incoming.url ?? '/').pathname;
      handOn(woodpecker, incoming, outgoing);
    });
    server.on('connect', (incoming, socket, head) => {
      asked.push(`CONNECT ${incoming.url}`);
      const onward = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      for (const [end, other] of [
        [onward, socket],
        [socket, onward],
      ] as const) {
        end.on('error', () => other.destroy());
      }
    });
    return { url: `http://127.0.0.1:${await listen(server)}`, asked };
  }

  it('is asked through it where NODE_USE_ENV_PROXY is 1, the event stream included', async () => {
    const woodpecker = await startWoodpecker();
    const proxy = await startProxy(woodpecker);
    const exporter = await startExporter({
      ...asking('http://woodpecker.invalid', woodpecker),
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: proxy.url,
    });
    await expectInTouch(exporter);
    expect(proxy.asked.length).toBeGreaterThan(0);
    expect(proxy.asked.filter((line) => !line.includes('woodpecker.invalid'))).toEqual([]);
  });

  it('is not asked through it where that is not set, or NO_PROXY leaves it out', async () => {
    const woodpecker = await startWoodpecker();
    const proxy = await startProxy(woodpecker);
    const unaware = await startExporter({
      ...asking('http://woodpecker.invalid', woodpecker),
      HTTP_PROXY: proxy.url,
    });
    await expectOutOfTouch(unaware, /gives no usable answer.* error=.*(ENOTFOUND|EAI_AGAIN)/);
    const direct = await startExporter({
      ...asking(woodpecker.url, woodpecker),
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: proxy.url,
      NO_PROXY: '127.0.0.1',
    });
    await expectInTouch(direct);
    expect(proxy.asked).toEqual([]);
  });
});
