import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { settings } from '../src/config/environment.ts';
import { parsePolicy } from '../src/config/policy-file.ts';
import { ignoreReasons } from '../src/core/classification.ts';
import { defaultPolicy } from '../src/core/policy.ts';
import { incidentSecret, startExporter, webhookSecret } from './support/exporter-process.ts';
import { startFakeForge } from './support/fake-forge.ts';
import { startFakeWoodpecker } from './support/fake-woodpecker.ts';
import { createTemporaryFolder } from './support/temporary-folder.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const eventFixture = readFileSync(new URL('fixtures/woodpecker/v3.17.0-event.json', import.meta.url), 'utf8');

/** Rows of the table below a heading, cell by cell. */
function tableBelow(heading: string): string[][] {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('|---'))
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** Blocks of code in a language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

const unquoted = (cell: string) => cell.replaceAll('`', '');

describe('README', () => {
  it('is short, and in the order that it promises', () => {
    expect(readme.split('\n').length).toBeLessThan(300);
    expect([...readme.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
      'Run it in a minute',
      'Connect Woodpecker',
      'What counts, and how each figure is computed',
      'Metrics',
      'Settings',
      'Operating it',
      'Troubleshooting',
      'Development',
    ]);
  });

  it('tells every setting with its default', () => {
    const generated = ['DORA_WEBHOOK_SECRET', 'DORA_INCIDENT_SECRET', 'DORA_ADMIN_TOKEN'];
    expect(
      tableBelow('Settings').map(([name, value]) => [unquoted(name ?? ''), unquoted(value ?? '')]),
    ).toEqual(
      settings.map((setting) => [
        setting.isSecret ? `${setting.name} *` : setting.name,
        setting.default ?? (generated.includes(setting.name) ? 'generated' : 'unset'),
      ]),
    );
  });

  it('tells every metric that is served, with its type and labels', async () => {
    await using woodpecker = await startFakeWoodpecker();
    await using forge = await startFakeForge({ kind: 'forgejo' });
    const forgeRemoteId = String(forge.addRepo('acme/shop', { isPrivate: false }));
    woodpecker.addRepo({ fullName: 'acme/shop', forgeRemoteId, access: { alice: 'push' } });
    // A failure and its recovery, so that there is a sample of everything.
    for (const status of ['failure', 'success'] as const) woodpecker.addPipeline('acme/shop', { status });
    const folder = createTemporaryFolder();
    onTestFinished(folder.remove);
    writeFileSync(
      folder.pathOf('policy.yaml'),
      'lead_time: {fallback: created}\ntiers: [{tier: production}]\n',
    );
    const exporter = await startExporter({
      DORA_DATABASE: ':memory:',
      DORA_POLICY: folder.pathOf('policy.yaml'),
      DORA_FORGE_URL: forge.url,
      DORA_FORGE_KIND: forge.kind,
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    });
    await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
    // The forge does not know the commits, so their lead times fall back to the pipeline's creation.
    const pending = async () => (await exporter.metrics()).get('dora_exporter_lead_times_pending');
    await expect.poll(pending).toBe(0);
    const incident = { id: 'INC-1', repo: 'acme/shop', tier: 'production', started: 1_785_500_000 };
    const posted = await fetch(`${exporter.url}/incidents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${incidentSecret}` },
      body: JSON.stringify(incident),
    });
    expect(posted.status).toBe(202);
    const text = await (await fetch(`${exporter.url}/metrics`)).text();
    const types = [...text.matchAll(/^# TYPE (dora_\S+) (\S+)$/gm)].map((match) => [
      match[1] ?? '',
      match[2] ?? '',
    ]);
    const labelsOf = (name: string) => {
      const sample = new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'm').exec(text)?.[1] ?? '';
      return [...sample.matchAll(/(\w+)="/g)].map((match) => match[1]).filter((label) => label !== 'le');
    };

    const served = types.map(([name = '', type]) => [name, type, labelsOf(name).join(', ')]);
    const told = tableBelow('Metrics').map(([name = '', type = '', labels = '']) => [
      unquoted(name),
      type,
      unquoted(labels),
    ]);
    const ofTiers = told
      .filter(([name = '']) => name.startsWith('dora_window_'))
      .map(([name = '', type = '', labels = '']) => [
        name.replace('dora_', 'dora_tier_'),
        type,
        labels.replace('repo, ', ''),
      ]);
    expect([...told, ...ofTiers].sort()).toEqual(served.sort());
    await exporter.stop();
  });

  it('shows output that is real', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    expect((await exporter.post(eventFixture)).status).toBe(202);
    const text = await (await fetch(`${exporter.url}/metrics`)).text();
    for (const line of (blocks('')[0] ?? '').trim().split('\n')) expect(text.split('\n')).toContain(line);
  });

  it('begins with a pipeline that the windows show', async () => {
    const folder = createTemporaryFolder();
    onTestFinished(folder.remove);
    writeFileSync(folder.pathOf('webhook-secret'), webhookSecret);
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    const command = (blocks('sh').find((block) => block.startsWith('curl')) ?? '')
      .replace('http://localhost:3672', exporter.url)
      .replace('data/webhook-secret', folder.pathOf('webhook-secret'));
    const answer = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(answer).toBe('{"result":"stored"}\n');
    const window = 'dora_window_deployments{repo="acme/shop",tier="unassigned",window="7d"}';
    expect((await exporter.metrics()).get(window)).toBe(1);
  });

  it('shows a policy that is the default one in all but its tiers', () => {
    const example = blocks('yaml').find((block) => block.startsWith('tiers:')) ?? '';
    const parsed = parsePolicy(example);
    if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
    expect(parsed.policy.tiers.length).toBeGreaterThan(0);
    expect({ ...parsed.policy, tiers: [] }).toEqual(defaultPolicy);
  });

  it('names only reasons that there are', () => {
    const reasons = [...ignoreReasons, 'not_ended', 'unverifiable'];
    const named = [...readme.matchAll(/reason ((?:`\w+`(?:, )?)+)/g)].flatMap((match) =>
      [...(match[1] ?? '').matchAll(/`(\w+)`/g)].map((word) => word[1] ?? ''),
    );
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !reasons.includes(name))).toEqual([]);
  });
});

describe('the tour of src/', () => {
  const source = new URL('../src/', import.meta.url);
  const tour = readFileSync(new URL('README.md', source), 'utf8');

  it('takes ten minutes, and passes every folder', () => {
    expect(tour.split('\n').length).toBeLessThan(150);
    const named = [...tour.matchAll(/^\| `([\w/]+)\/` \|/gm)].map((match) => match[1]);
    const folders = readdirSync(source, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isDirectory() && entry.name !== 'migrations')
      .map((entry) => relative(source.pathname, join(entry.parentPath, entry.name)));
    expect(named.sort()).toEqual(folders.sort());
  });

  it('names only files and folders that there are', () => {
    const files = readdirSync(source, { recursive: true }).map(String);
    const isThere = (name: string) =>
      name.includes('/')
        ? existsSync(new URL(name, source)) || existsSync(new URL(`../${name}`, source))
        : files.some((file) => file === name || file.endsWith(`/${name}`));
    const named = [...tour.matchAll(/[\w/-]+(?:\.ts\b|\/(?=[`\s]))/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(80);
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });
});
