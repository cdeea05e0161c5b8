import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { freePort } from '../support/free-port.ts';
import {
  buildImages,
  dockerfileText,
  type Image,
  type Images,
  isKeptFromBuilder,
  librariesOf,
  lineageOf,
  parseDockerfile,
  pinnedImages,
  repository,
  settingsOf,
  stages,
} from './build-image.ts';
import { type Container, requireNamespaces, runContainer } from './container.ts';

const secret = 'image-webhook-secret';
const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const settings = settingsOf(lineageOf('exporter'));

describe('the Dockerfile', () => {
  it('pins its bases by version, with a Node that the packages admit', () => {
    const node = pinnedImages().get('NODE_IMAGE') ?? '';
    const [, major, minor] = /^docker\.io\/library\/node:(\d+)\.(\d+)\.\d+-trixie-slim$/.exec(node) ?? [];
    const [, leastMajor, leastMinor] = /^>=(\d+)\.(\d+)$/.exec(packageJson.engines.node) ?? [];
    expect(major).toBe(leastMajor);
    expect(Number(minor)).toBeGreaterThanOrEqual(Number(leastMinor));
    expect(pinnedImages().get('BASE_IMAGE')).toBe('gcr.io/distroless/cc-debian13:nonroot');
    for (const { base } of stages()) expect(base).not.toMatch(/^[a-z]+[:/]/);
  });

  it('runs by itself without a shell, as a numeric user that is not root, with data in one volume', () => {
    const afterBase = lineageOf('exporter').map((instruction) => instruction.getKeyword());
    expect(afterBase).not.toContain('RUN');
    expect(afterBase).not.toContain('SHELL');
    expect(settings.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(settings.volumes).toEqual(['/data']);
    expect(settings.environment.get('DORA_DATABASE')).toBe('/data/dora.db');
    expect(settings.entrypoint).toEqual(['/usr/local/bin/node', 'src/main.ts']);
    expect(settings.healthcheck).toEqual(['/usr/local/bin/node', 'deploy/healthcheck.ts']);
    expect(settings.ports).toEqual(['3672']);
    expect(dockerfileText).not.toMatch(/\b(ADD|MAINTAINER)\b/);
  });

  it('carries labels, and builds the exporter where no target is named', () => {
    expect([...settings.labels.keys()]).toEqual(
      ['title', 'description', 'version', 'revision'].map((name) => `org.opencontainers.image.${name}`),
    );
    expect(stages().at(-1)?.name).toBe('exporter');
    expect(parseDockerfile().getFROMs()).toHaveLength(stages().length);
  });

  it('is given no more of a working copy than it copies', () => {
    for (const path of ['.git/config', '.env', 'deploy/.env', 'data/dora.db', 'node_modules/zod/index.js']) {
      expect([path, isKeptFromBuilder(path)]).toEqual([path, true]);
    }
    expect(isKeptFromBuilder('test/e2e/service.test.ts')).toBe(true);
    expect(isKeptFromBuilder('src/main.ts')).toBe(false);
  });

  it('puts Node on a base that has every library it is linked with', () => {
    const names = librariesOf(process.execPath).map((path) => path.slice(path.lastIndexOf('/') + 1));
    const ofGlibc = ['libc', 'libdl', 'libm', 'libpthread', 'ld-linux-x86-64', 'ld-linux-aarch64'];
    const ofBase = [...ofGlibc, 'libgcc_s', 'libstdc++'];
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !ofBase.includes(name.replace(/\.so\..*$/, '')))).toEqual([]);
  });
});

describe('the image', () => {
  let images: Images;
  let image: Image;

  beforeAll(() => {
    images = buildImages();
    image = images.image('exporter');
  }, 120_000);

  afterAll(() => images?.remove());

  async function start(env: Record<string, string> = {}) {
    const port = await freePort();
    const listening = { DORA_LISTEN: `127.0.0.1:${port}`, DORA_WEBHOOK_SECRET: secret, ...env };
    const container = runContainer(image, listening);
    await expect.poll(() => container.output(), { timeout: 20_000 }).toContain('Listening address=');
    return { container, env: listening, url: `http://127.0.0.1:${port}` };
  }

  const check = (env: Record<string, string>): Container =>
    runContainer(image, env, { command: settings.healthcheck });

  it('holds the exporter and its own packages, and nothing else', () => {
    expect(readdirSync(join(image.root, 'app')).sort()).toEqual([
      'deploy',
      'node_modules',
      'package.json',
      'src',
    ]);
    expect(readdirSync(join(image.root, 'app/deploy')).sort()).toEqual(['backup.ts', 'healthcheck.ts']);
    for (const name of Object.keys(packageJson.dependencies)) {
      expect(existsSync(join(image.root, 'app/node_modules', name))).toBe(true);
    }
    for (const name of Object.keys(packageJson.devDependencies)) {
      expect(existsSync(join(image.root, 'app/node_modules', name))).toBe(false);
    }
  });

  it('has production packages of the size that is told', () => {
    const kilobytes = Number(
      execFileSync('du', ['-sk', '--apparent-size', join(image.root, 'app/node_modules')], {
        encoding: 'utf8',
      }).split('\t')[0],
    );
    const deployReadme = readFileSync(join(repository, 'deploy/README.md'), 'utf8');
    const told = /packages take (\d+) MB/.exec(deployReadme)?.[1];
    expect(Math.round(kilobytes / 1024)).toBe(Number(told));
  });

  it('starts read-only and without rights, counts a webhook, keeps it over a restart, and stops with 0', async ({
    skip,
  }) => {
    requireNamespaces(skip);
    const first = await start();
    const status = readFileSync(`/proc/${first.container.child.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);

    const event = /-d @(\S+)/.exec(readme)?.[1] ?? '';
    const posted = await fetch(`${first.url}/webhook`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: readFileSync(join(repository, event)),
    });
    expect([posted.status, await posted.json()]).toEqual([202, { result: 'stored' }]);
    const shown = 'dora_deployments_total{repo="acme/shop",tier="unassigned"} 1';
    expect(await (await fetch(`${first.url}/metrics`)).text()).toContain(shown);
    expect(statSync(join(image.root, 'data/dora.db')).uid).toBe(65_532);
    first.container.child.kill('SIGTERM');
    expect(await first.container.ended).toBe(0);

    const second = await start();
    expect(await (await fetch(`${second.url}/metrics`)).text()).toContain(shown);
    second.container.child.kill('SIGTERM');
    expect(await second.container.ended).toBe(0);
  });

  it('can write nowhere but in its volume', async ({ skip }) => {
    requireNamespaces(skip);
    const attempt = (path: string) =>
      runContainer(
        image,
        {},
        { command: ['/usr/local/bin/node', '-e', `require('fs').writeFileSync('${path}', '')`] },
      );
    const refused = attempt('/app/x');
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain('EROFS');
    expect(await attempt('/data/x').ended).toBe(0);
  });

  it('spills what SQLite sorts into the volume, since there is no other place', async ({ skip }) => {
    requireNamespaces(skip);
    const sort = `
      const { DatabaseSync } = require('node:sqlite');
      const database = new DatabaseSync('/data/sort.db');
      database.exec('PRAGMA cache_size = -100; CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT hex(randomblob(16)) AS x FROM n; CREATE INDEX x ON t (x); VACUUM');
    `;
    const command = ['/usr/local/bin/node', '-e', sort];
    const spilling = runContainer(image, {}, { command });
    expect(await spilling.ended).toBe(0);
  });

  it('is healthy while it runs, on the port that it is told, and not before or after', async ({ skip }) => {
    requireNamespaces(skip);
    const { container, env } = await start({
      // Neither a backfill that cannot end nor a proxy makes it unhealthy.
      DORA_WOODPECKER_URL: 'http://127.0.0.1:1',
      DORA_WOODPECKER_TOKEN: 'none',
    });
    const proxied = { ...env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:1' };
    expect(await check(env).ended).toBe(0);
    expect(await check(proxied).ended).toBe(0);
    expect(await check({ ...env, DORA_LISTEN: '127.0.0.1:1' }).ended).toBe(1);
    container.child.kill('SIGTERM');
    await container.ended;
    const down = check(env);
    expect(await down.ended).toBe(1);
    expect(down.output()).toContain('ECONNREFUSED');
  });

  it('copies its database to standard output while it runs', async ({ skip }) => {
    requireNamespaces(skip);
    const { env } = await start({ DORA_DATABASE: '/data/busy.db' });
    const copying = runContainer(image, env, { command: ['/usr/local/bin/node', 'deploy/backup.ts'] });
    expect(await copying.ended).toBe(0);
    expect(copying.output()).toMatch(/^SQLite format 3\0/);
    expect(readdirSync(join(image.root, 'data')).filter((name) => name.includes('copy'))).toEqual([]);
  });

  it('looks for a wildcard address on loopback', async ({ skip }) => {
    requireNamespaces(skip);
    const port = await freePort();
    const env = { DORA_LISTEN: `0.0.0.0:${port}`, DORA_WEBHOOK_SECRET: secret };
    const container = runContainer(image, env);
    await expect.poll(() => container.output(), { timeout: 20_000 }).toContain('Listening address=');
    expect(await check(env).ended).toBe(0);
  });

  it('catches up with a Woodpecker, and checks its settings when asked', async ({ skip }) => {
    requireNamespaces(skip);
    await using woodpecker = await startFakeWoodpecker();
    woodpecker.addRepo({ fullName: 'acme/api', access: { alice: 'push' } });
    woodpecker.addPipeline('acme/api', {});
    const { url } = await start({
      DORA_DATABASE: '/data/api.db',
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    });
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /dora_deployments_total\{repo="acme\/api",.*1/,
    );

    const told = runContainer(image, { DORA_DATABASE: '/data/none.db' }, { args: ['--check'] });
    expect(await told.ended).toBe(0);
    expect(told.output()).toContain('does not exist yet');
  });

  it('passes the end-to-end test with its own code and packages', () => {
    const passed = execFileSync(
      process.execPath,
      [
        join(repository, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--config=test/vitest.config.ts',
        'test/e2e/service.test.ts',
      ],
      {
        cwd: repository,
        env: { ...process.env, DORA_TEST_MAIN: join(image.root, 'app/src/main.ts'), NO_COLOR: '1' },
        encoding: 'utf8',
        timeout: 100_000,
      },
    );
    expect(passed).toMatch(/Tests +\d+ passed \(\d+\)/);
  }, 120_000);

  it('shows figures of a simulated Woodpecker where the demo is its target', async ({ skip }) => {
    requireNamespaces(skip);
    const port = await freePort();
    const demo = runContainer(images.image('demo'), { DORA_LISTEN: `127.0.0.1:${port}`, TMPDIR: '/data' });
    await expect.poll(() => demo.output(), { timeout: 30_000 }).toContain('Listening address=');
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    await expect
      .poll(metrics, { timeout: 30_000 })
      .toMatch(/^dora_deployments_total\{repo="acme\/shop",tier="production"\} [1-9]/m);
    demo.child.kill('SIGTERM');
    expect(await demo.ended).toBe(0);
  });
});
