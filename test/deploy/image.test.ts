import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import packageLock from '../../package-lock.json' with { type: 'json' };
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { freePort } from '../support/free-port.ts';
import { repository } from '../support/repository.ts';
import { isMissing } from '../support/requirement.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import {
  dockerfileText,
  lineageOf,
  parseDockerfile,
  pinnedImages,
  settingsOf,
  stages,
} from './dockerfile.ts';
import { type Container, type Engine, librariesOf, startEngine } from './engine.ts';

const secret = 'image-webhook-secret';
const settings = settingsOf(lineageOf('exporter'));

describe('the Dockerfile', () => {
  it('pins its bases by version: Node at the one that the tests run on', () => {
    const node = packageLock.packages['node_modules/node'].version;
    expect(process.version).toBe(`v${node}`);
    expect(pinnedImages().get('NODE_IMAGE')).toBe(`docker.io/library/node:${node}-trixie-slim`);
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
    const started = / node (.*)$/.exec(packageJson.scripts.start)?.[1]?.split(' ') ?? [];
    expect(started.at(-1)).toBe('src/main.ts');
    expect(settings.entrypoint).toEqual(['/usr/local/bin/node', ...started]);
    const arenas = /MALLOC_ARENA_MAX=(\d+)/.exec(packageJson.scripts.start)?.[1];
    expect(settings.environment.get('MALLOC_ARENA_MAX')).toBe(arenas);
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

  it('puts Node on a base that has every library it is linked with', () => {
    const names = librariesOf(process.execPath).map((path) => path.slice(path.lastIndexOf('/') + 1));
    const ofGlibc = ['libc', 'libdl', 'libm', 'libpthread', 'ld-linux-x86-64', 'ld-linux-aarch64'];
    const ofBase = [...ofGlibc, 'libgcc_s', 'libstdc++'];
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !ofBase.includes(name.replace(/\.so\..*$/, '')))).toEqual([]);
  });
});

describe.skipIf(isMissing('podman'))('the image, built and run by Podman', () => {
  let engine: Engine;
  let image: string;
  let app: string;

  beforeAll(() => {
    engine = startEngine();
    image = engine.build('exporter');
    app = engine.copyOut(image, '/app');
  });

  afterAll(() => engine?.remove());

  async function start(env: Record<string, string> = {}) {
    const port = await freePort();
    const listening = { DORA_LISTEN: `127.0.0.1:${port}`, DORA_WEBHOOK_SECRET: secret, ...env };
    const container = engine.run(image, listening);
    await expect.poll(() => container.output()).toContain('Listening address=');
    return { container, env: listening, url: `http://127.0.0.1:${port}` };
  }

  async function stop({ child, ended }: Container): Promise<number | null> {
    child.kill('SIGTERM');
    return ended;
  }

  it('is what its Dockerfile says', () => {
    const { environment, labels, ...rest } = engine.settingsOf(image);
    const { environment: ownEnvironment, labels: ownLabels, ...own } = settings;
    expect(rest).toEqual(own);
    expect([...environment]).toEqual(expect.arrayContaining([...ownEnvironment]));
    expect([...labels.keys()]).toEqual(expect.arrayContaining([...ownLabels.keys()]));
  });

  it('holds the exporter and its own packages, and nothing else', () => {
    expect(readdirSync(app).sort()).toEqual(['deploy', 'node_modules', 'package.json', 'src']);
    expect(readdirSync(join(app, 'deploy')).sort()).toEqual(['backup.ts', 'healthcheck.ts', 'restore.ts']);
    for (const name of Object.keys(packageJson.dependencies)) {
      expect(existsSync(join(app, 'node_modules', name))).toBe(true);
    }
    for (const name of Object.keys(packageJson.devDependencies)) {
      expect(existsSync(join(app, 'node_modules', name))).toBe(false);
    }
  });

  it('is given no more of a working copy than it copies', () => {
    const folder = createTemporaryFolder();
    onTestFinished(() => folder.remove());
    const kept = ['.git/config', '.env', 'deploy/.env', 'data/dora.db', 'node_modules/zod/index.js'];
    const others = ['test/e2e/service.test.ts', 'deploy/compose.yaml', 'README.md'];
    const given = [
      'deploy/backup.ts',
      'package.json',
      'src/core/a.ts',
      'src/main.ts',
      'test/support/demo.ts',
    ];
    for (const path of [...kept, ...others, ...given]) {
      mkdirSync(dirname(folder.pathOf(path)), { recursive: true });
      writeFileSync(folder.pathOf(path), path);
    }
    const ignored = '.dockerignore';
    writeFileSync(folder.pathOf(ignored), readFileSync(join(repository, ignored)));
    expect(engine.contextOf(dirname(folder.pathOf(ignored)))).toEqual(given);
  });

  it('has production packages of the size that is told', () => {
    const packages = join(app, 'node_modules');
    const used = execFileSync('du', ['-sk', '--apparent-size', packages], { encoding: 'utf8' });
    const deployReadme = readFileSync(join(repository, 'deploy/README.md'), 'utf8');
    const told = /packages take (\d+) MB/.exec(deployReadme)?.[1];
    expect(Math.round(Number(used.split('\t')[0]) / 1024)).toBe(Number(told));
  });

  it('starts read-only and without rights, counts a webhook, keeps it over a restart, and stops with 0', async () => {
    const first = await start();
    const read = (path: string) =>
      first.container.execute('/usr/local/bin/node', '-p', `fs.readFileSync('${path}', 'utf8')`).toString();
    const status = read('/proc/1/status');
    expect(status).toMatch(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);

    const event = 'test/fixtures/woodpecker/v3.17.0-event.json';
    const posted = await fetch(`${first.url}/webhook`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: readFileSync(join(repository, event)),
    });
    expect([posted.status, await posted.json()]).toEqual([202, { result: 'stored' }]);
    const shown = 'dora_deployments_total{repo="acme/shop",tier="unassigned"} 1';
    expect(await (await fetch(`${first.url}/metrics`)).text()).toContain(shown);
    expect(await stop(first.container)).toBe(0);

    const second = await start();
    expect(await (await fetch(`${second.url}/metrics`)).text()).toContain(shown);
    expect(await stop(second.container)).toBe(0);
  });

  it('starts from compiled sources', async () => {
    const env = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
    const started = engine.run(image, env, { args: ['--version'] });
    expect(await started.ended).toBe(0);
    expect(started.output()).toMatch(/V8 code cache for ESM file:\S*\/src\/main\.ts was accepted/);
  });

  it('can write nowhere but in its volume', async () => {
    const attempt = (path: string) =>
      engine.run(
        image,
        {},
        { command: ['/usr/local/bin/node', '-e', `require('fs').writeFileSync('${path}', '')`] },
      );
    const refused = attempt('/app/x');
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain('EROFS');
    expect(await attempt('/data/x').ended).toBe(0);
  });

  it('spills what SQLite sorts into the volume, since there is no other place', async () => {
    const sort = `
      const { DatabaseSync } = require('node:sqlite');
      const database = new DatabaseSync('/data/sort.db');
      database.exec('PRAGMA cache_size = -100; CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT hex(randomblob(16)) AS x FROM n; CREATE INDEX x ON t (x); VACUUM');
    `;
    const spilling = engine.run(image, {}, { command: ['/usr/local/bin/node', '-e', sort] });
    expect(await spilling.ended).toBe(0);
  });

  it('is healthy while it runs, on the port that it is told, and not before or after', async () => {
    const check = (env: Record<string, string>) => engine.run(image, env, { command: settings.healthcheck });
    const { container, env } = await start({
      // Neither a backfill that cannot end nor a proxy makes it unhealthy.
      DORA_WOODPECKER_URL: 'http://127.0.0.1:1',
      DORA_WOODPECKER_TOKEN: 'none',
    });
    expect(container.isHealthy()).toBe(true);
    const proxied = { ...env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:1' };
    expect(await check(proxied).ended).toBe(0);
    expect(await check({ ...env, DORA_LISTEN: '127.0.0.1:1' }).ended).toBe(1);
    await stop(container);
    const down = check(env);
    expect(await down.ended).toBe(1);
    expect(down.output()).toContain('ECONNREFUSED');
  });

  it('copies its database to standard output while it runs', async () => {
    const { container } = await start({ DORA_DATABASE: '/data/busy.db' });
    expect(container.execute('/usr/local/bin/node', 'deploy/backup.ts').toString()).toMatch(
      /^SQLite format 3\0/,
    );
    const listed = container
      .execute('/usr/local/bin/node', '-p', "fs.readdirSync('/data').join()")
      .toString();
    expect(listed).toContain('busy.db');
    expect(listed).not.toContain('copy');
  });

  it('takes such a copy back, from standard input', async () => {
    const { container, url } = await start({ DORA_DATABASE: '/data/kept.db' });
    const shown = async (from: string) =>
      (await (await fetch(`${from}/metrics`)).text()).match(/^dora_deployments_total.*/m)?.[0];
    const body = JSON.stringify({ repo: 'acme/shop', number: 1, status: 'success', finished: 1_785_500_390 });
    await fetch(`${url}/webhook`, { method: 'POST', headers: { authorization: `Bearer ${secret}` }, body });
    const copy = container.execute('/usr/local/bin/node', 'deploy/backup.ts');
    const counted = await shown(url);
    expect(counted).toContain('acme/shop');
    await stop(container);

    const restoring = engine.run(
      image,
      { DORA_DATABASE: '/data/other.db' },
      { command: ['/usr/local/bin/node', 'deploy/restore.ts'], input: copy },
    );
    expect([await restoring.ended, restoring.output()]).toEqual([0, '']);
    const restored = await start({ DORA_DATABASE: '/data/other.db' });
    expect(await shown(restored.url)).toEqual(counted);
  });

  it('looks for a wildcard address on loopback', async () => {
    const { container } = await start({ DORA_LISTEN: `0.0.0.0:${await freePort()}` });
    expect(container.isHealthy()).toBe(true);
  });

  it('catches up with a Woodpecker, and checks its settings when asked', async () => {
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

    const told = engine.run(image, { DORA_DATABASE: '/data/none.db' }, { args: ['--check'] });
    expect(await told.ended).toBe(0);
    expect(told.output()).toContain('does not exist yet');
  });

  it('passes the end-to-end tests of a Woodpecker with its own code and packages', () => {
    const passed = execFileSync(
      process.execPath,
      [
        join(repository, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--config=test/vitest.config.ts',
        'test/e2e/service.test.ts',
        '--testNamePattern=the service with a Woodpecker',
      ],
      {
        cwd: repository,
        env: { ...process.env, DORA_TEST_MAIN: join(app, 'src/main.ts'), NO_COLOR: '1' },
        encoding: 'utf8',
        timeout: 300_000,
      },
    );
    expect(passed).toMatch(/Tests +\d+ passed/);
  });

  it('shows figures of a simulated Woodpecker where the demo is its target', async () => {
    const port = await freePort();
    const demo = engine.run(engine.build('demo'), { DORA_LISTEN: `127.0.0.1:${port}`, TMPDIR: '/data' });
    await expect.poll(() => demo.output()).toContain('Listening address=');
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    await expect
      .poll(metrics)
      .toMatch(/^dora_deployments_total\{repo="acme\/shop",tier="production"\} [1-9]/m);
    expect(await stop(demo)).toBe(0);
  });
});
