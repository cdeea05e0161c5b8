import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { settings } from '../../src/config/environment.ts';
import {
  adminToken,
  type ExporterProcess,
  fallenCounters,
  incidentSecret,
  runExporter,
  startExporter,
  temporaryFolder,
  webhookSecret,
} from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { hasIpv6Loopback } from '../support/loopback.ts';

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/woodpecker/${name}.json`, import.meta.url), 'utf8'));
const series = (name: string, tier = 'unassigned', repo = 'acme/shop') =>
  `${name}{repo="${repo}",tier="${tier}"}`;
const success = series('dora_deployment_last_success_timestamp');
const failure = series('dora_deployment_last_failure_timestamp');

const postIncident = async ({ url }: ExporterProcess, secret: string): Promise<number> => {
  const body = JSON.stringify({ id: 'INC-1', repo: 'acme/shop', tier: 'unassigned', started: 1_785_500_000 });
  const headers = { authorization: `Bearer ${secret}` };
  return (await fetch(`${url}/incidents`, { method: 'POST', headers, body })).status;
};

describe('the service with webhooks alone', () => {
  it('takes incidents with the secret of webhooks and with that of incidents', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    expect(await postIncident(exporter, webhookSecret)).toBe(202);
    expect(await postIncident(exporter, incidentSecret)).toBe(202);
    expect(await postIncident(exporter, adminToken)).toBe(401);
  });

  it('counts the events of both generations, and the failure whose finish is 0', async () => {
    const folder = temporaryFolder();
    const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db') });

    const v3 = await exporter.post(fixture('v3.17.0-event'));
    expect([v3.status, await v3.json()]).toEqual([202, { result: 'stored' }]);
    expect((await exporter.metrics()).get(success)).toBe(1785500390);

    const older = fixture('v2.8.3-event');
    older.repo = { ...older.repo, id: 8, full_name: 'acme/older', name: 'older' };
    expect((await exporter.post(older)).status).toBe(202);
    expect(
      (await exporter.metrics()).get(
        series('dora_deployment_last_success_timestamp', 'unassigned', 'acme/older'),
      ),
    ).toBe(1736500312);

    const finish0 = { ...older, pipeline: fixture('v2.8.3-pipeline-211-finished-0') };
    expect((await exporter.post(finish0)).status).toBe(202);
    expect(
      (await exporter.metrics()).get(
        series('dora_deployment_last_failure_timestamp', 'unassigned', 'acme/older'),
      ),
    ).toBe(1736490190);
    expect((await exporter.stop()).code).toBe(0);
  });

  it.runIf(hasIpv6Loopback)('tells of IPv6 addresses as they stand in a URL', async () => {
    const { url, metricsUrl } = await startExporter({
      DORA_DATABASE: ':memory:',
      DORA_LISTEN: '[::1]:0',
      DORA_METRICS_LISTEN: '[::1]:0',
    });
    for (const each of [url, metricsUrl]) {
      expect(each).toMatch(/^http:\/\/\[::1\]:\d+$/);
      expect(await (await fetch(`${each}/healthz`)).text()).toBe('OK\n');
    }
  });

  it('keeps its figures over a restart, and its secrets beside the database', async () => {
    const folder = temporaryFolder();
    const env = { DORA_DATABASE: join(folder, 'dora.db'), DORA_WEBHOOK_SECRET: '', DORA_ADMIN_TOKEN: '' };
    const first = await startExporter(env);
    const secret = readFileSync(join(folder, 'webhook-secret'), 'utf8').trim();
    for (const name of ['webhook-secret', 'admin-token', 'dora.db', 'dora.db-wal', 'dora.db-shm']) {
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    expect(first.output()).toContain('webhook-secret');
    expect(first.output()).not.toContain(secret);
    const posted = await first.post(fixture('v3.17.0-event'), { authorization: `Bearer ${secret}` });
    expect(posted.status).toBe(202);
    const before = await first.metrics();
    await first.stop();

    const second = await startExporter(env);
    const after = await second.metrics();

    expect(after.get(success)).toBe(1785500390);
    expect(fallenCounters(before, after)).toEqual([]);
    const again = await second.post(fixture('v3.17.0-event'), { authorization: `Bearer ${secret}` });
    expect(await again.json()).toEqual({ result: 'duplicate' });
  });

  it('is ready at once, and answers health on both addresses', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:', DORA_METRICS_LISTEN: '127.0.0.1:0' });
    for (const url of [exporter.url, exporter.metricsUrl]) {
      for (const path of ['/healthz', '/-/healthy', '/readyz', '/-/ready']) {
        expect((await fetch(url + path)).status).toBe(200);
      }
    }
    expect((await fetch(`${exporter.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${exporter.metricsUrl}/webhook`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${exporter.metricsUrl}/`)).status).toBe(200);
  });

  it('refuses a backfill, since there is nothing to read from', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    const headers = { authorization: `Bearer ${adminToken}` };
    const answer = await fetch(`${exporter.url}/backfill`, { method: 'POST', headers });
    expect(answer.status).toBe(409);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it('shows only sources that exist on its page', async () => {
    const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
    const page = await (await fetch(`${exporter.url}/operations`)).text();
    const [, table = ''] = page.split('<h2>Sources</h2>');
    const names = [...table.slice(0, table.indexOf('</table>')).matchAll(/<th scope="row">(\w+)</g)];
    expect(names.map(([, name]) => name)).toEqual(['webhook', 'incident']);
  });
});

describe('the service with a Woodpecker', () => {
  it('takes no incident with the secret of webhooks, which every pipeline holds', async () => {
    await using woodpecker = await startFakeWoodpecker();
    const exporter = await startExporter({
      DORA_DATABASE: ':memory:',
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    });
    expect(await postIncident(exporter, webhookSecret)).toBe(401);
    expect(await postIncident(exporter, incidentSecret)).toBe(202);
  });

  it('backfills at start, follows a hint to its end, and backfills again when asked', async () => {
    const woodpecker = await startFakeWoodpecker({ rootPath: '/ci' });
    onTestFinished(() => woodpecker.close());
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
    const now = Math.floor(Date.now() / 1000);
    woodpecker.addPipeline(repo, {
      status: 'failure',
      created: now - 900,
      started: now - 890,
      finished: now - 800,
    });
    const exporter = await startExporter({
      DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    });

    await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
    expect((await exporter.metrics()).get(failure)).toBe(now - 800);

    const { number } = woodpecker.createPipeline(repo, {});
    woodpecker.startPipeline(repo, number);
    const hint = await exporter.post({ repo: 'acme/shop', number, status: 'success' });
    expect(await hint.json()).toEqual({ result: 'following' });
    const { finished } = woodpecker.finishPipeline(repo, number);
    await expect.poll(async () => (await exporter.metrics()).get(success)).toBe(finished);

    const backfill = await fetch(`${exporter.url}/backfill?wait=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}` },
      body: JSON.stringify({ since: '2d', repos: ['acme/*'] }),
    });
    expect(backfill.status).toBe(200);
    expect(await backfill.json()).toMatchObject({
      state: 'done',
      repos: 1,
      pipelines: { scanned: 2, stored: 0, duplicate: 2, ignored: 0 },
    });
    const text = exporter.output();
    expect(text).not.toContain(woodpecker.userToken);
    expect((await exporter.stop()).code).toBe(0);
  });

  it('says why it is not ready while it cannot reach Woodpecker, and goes on serving', async () => {
    const woodpecker = await startFakeWoodpecker();
    const { url, userToken } = woodpecker;
    await woodpecker.close();
    const exporter = await startExporter({
      DORA_DATABASE: ':memory:',
      DORA_WOODPECKER_URL: url,
      DORA_WOODPECKER_TOKEN: userToken,
    });

    const ready = await fetch(`${exporter.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('Catching up with Woodpecker');
    expect((await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
    expect((await exporter.post({ repo: 'acme/shop', number: 1 })).status).toBe(202);
    await expect.poll(async () => (await exporter.metrics()).get('dora_exporter_woodpecker_up')).toBe(0);
    expect((await exporter.stop()).code).toBe(0);
  });
});

describe('the process', () => {
  it('tells all mistakes at once and exits with 2', async () => {
    const { code, output } = await runExporter({
      DORA_LISTEN: 'nowhere',
      DORA_WOODPECKER_URL: 'ftp://x',
      DORA_LOG_LEVEL: 'loud',
      DORA_POLICY: '/nonexistent/policy.yaml',
    });
    expect(code).toBe(2);
    for (const name of ['DORA_LISTEN', 'DORA_WOODPECKER_URL', 'DORA_LOG_LEVEL', 'DORA_POLICY']) {
      expect(output).toContain(name);
    }
  });

  it.each([['--help'], ['--check', '--help']])('tells how it is run, with %j', async (...args) => {
    // Whoever asks may have come to it by a mistake.
    const { code, output } = await runExporter({ DORA_LISTEN: 'nowhere' }, args);
    expect(code).toBe(0);
    expect(output).toMatch(/^npm start/);
    for (const { name, isSecret } of settings) expect(output).toContain(`\n  ${name}${isSecret ? ' *' : ''}`);
    expect(output).toMatch(/^ {2}DORA_DATABASE +data\/dora\.db$/m);
    expect(output).toContain('README.md');
    expect(output).toMatch(/^Exit codes: 0 .*1 .*2 /m);
  });

  it.each(['--chekc', '-h', 'start'])('refuses %s, and exits with 2', async (arg) => {
    const { code, output } = await runExporter({ DORA_DATABASE: ':memory:' }, ['--help', arg]);
    expect([code, output]).toEqual([
      2,
      `Unknown argument ${arg}: expected none, --check, --help or --version\n`,
    ]);
  });

  it('prints its version, whatever the settings are', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const printed = await runExporter({ DORA_LISTEN: 'nowhere' }, ['--version']);
    expect([printed.code, printed.output]).toEqual([0, `${version}\n`]);
  });

  it('names the setting and the reason if it cannot listen', async () => {
    const other = await startExporter({ DORA_DATABASE: ':memory:' });
    const { host } = new URL(other.url);
    const env = { DORA_DATABASE: ':memory:', DORA_LISTEN: host };
    const taken = await runExporter(env);
    expect(taken.code).toBe(1);
    expect(taken.output).toContain(`DORA_LISTEN: cannot listen on ${host}, another process listens there`);
    const metrics = await runExporter({ ...env, DORA_LISTEN: '127.0.0.1:0', DORA_METRICS_LISTEN: host });
    expect(metrics.code).toBe(1);
    expect(metrics.output).toContain(`DORA_METRICS_LISTEN: cannot listen on ${host}, another process`);
    const absent = await runExporter({ ...env, DORA_LISTEN: '192.0.2.1:0' });
    expect(absent.output).toContain(
      'DORA_LISTEN: cannot listen on 192.0.2.1:0, this machine has no such address',
    );
  });

  it.each(['*:3672', 'http://localhost:3672', '-a:1', 'a..b:1'])(
    'refuses to listen on %s, by name, in a check and at a start',
    async (address) => {
      for (const args of [['--check'], []]) {
        const { code, output } = await runExporter({ DORA_DATABASE: ':memory:', DORA_LISTEN: address }, args);
        expect([code, output]).toEqual([
          2,
          `DORA_LISTEN: expected host:port, :port or [ipv6]:port with a port from 0 to 65535, given "${address}"\n`,
        ]);
      }
    },
  );

  it('checks settings, policy and store without the network', async () => {
    const folder = temporaryFolder();
    const env = { DORA_DATABASE: join(folder, 'dora.db') };
    const empty = await runExporter(env, ['--check']);
    expect([empty.code, empty.output]).toEqual([0, expect.stringContaining('does not exist yet.')]);
    const none = await runExporter({ DORA_DATABASE: ':memory:' }, ['--check']);
    expect([none.code, none.output]).toEqual([0, expect.stringContaining('Store: :memory: keeps nothing.')]);

    const exporter = await startExporter(env);
    await exporter.post(fixture('v3.17.0-event'));
    await exporter.stop();
    const check = await runExporter(
      { ...env, DORA_WOODPECKER_URL: 'http://127.0.0.1:1', DORA_WOODPECKER_TOKEN: 'none' },
      ['--check'],
    );
    expect(check.code).toBe(0);
    expect(check.output).toContain('knows 1 repo.');
    expect(check.output).toContain('unassigned  deployment  1');
  });

  it('says in a check what in the policy is probably not meant', async () => {
    const folder = temporaryFolder();
    const env = { DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: join(folder, 'policy.yaml') };
    const exporter = await startExporter({ DORA_DATABASE: env.DORA_DATABASE });
    const report = { repo: 'acme/shop', status: 'success', commit: 'c0ffee00'.repeat(5) };
    await exporter.post({ ...report, number: 1, event: 'push' });
    await exporter.post({ ...report, number: 2, event: 'deployment', deploy_to: 'production' });
    await exporter.stop();
    writeFileSync(
      env.DORA_POLICY,
      'tiers: [{tier: live, deploy_to: [live]}]\ndeployments: {repos: [acme/*], ignore_repos: [acme/old]}\n',
    );
    const check = await runExporter(env, ['--check']);
    expect(check.code).toBe(0);
    expect(check.output.trimEnd().split('\n').slice(-3)).toEqual([
      'No stored pipeline that counts matches the rule for live: deploy_to live',
      'No known repo matches acme/old in deployments.ignore_repos',
      'Commits count under two events in acme/shop, unassigned: deployment and push: 1, such as c0ffee00',
    ]);
  });

  it.each([[], ['--check']])('exits with 2 where there can be no database, with %j', async (...args) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const place of [join(folder, 'file'), ...(process.platform === 'linux' ? ['/proc/x'] : [])]) {
      const path = `${place}/dora.db`;
      const { code, output } = await runExporter({ DORA_DATABASE: path, DORA_LISTEN: '127.0.0.1:0' }, args);
      expect([path, code]).toEqual([path, 2]);
      expect(output).toContain('There can be no database');
    }
  });

  it.each([[], ['--check']])('exits with 2 where no file is in its place, with %j', async (...args) => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'folder'));
    symlinkSync('nothing', join(folder, 'link'));
    for (const path of [join(folder, 'folder'), join(folder, 'link'), '/dev/null']) {
      const { code, output } = await runExporter({ DORA_DATABASE: path, DORA_LISTEN: '127.0.0.1:0' }, args);
      expect([path, code]).toEqual([path, 2]);
      expect(output).toContain(`There can be no database \\"${path}\\"`);
    }
    expect(readdirSync(folder)).toEqual(['folder', 'link']);
    expect(readdirSync('/dev').filter((name) => name.startsWith('null'))).toEqual(['null']);
  });

  it('exits with 0 within ten seconds of SIGTERM though a connection stays open', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    await (await fetch(`${exporter.url}/healthz`)).text();
    const began = Date.now();
    expect((await exporter.stop()).code).toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});
