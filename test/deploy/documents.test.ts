import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settings } from '../../src/config/environment.ts';
import { temporaryFolder } from '../support/exporter-process.ts';
import { repository } from '../support/repository.ts';
import { type Manifest, problemsOf, renderFolder } from './manifests.ts';

const folder = join(repository, 'deploy');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const block = (start: string) => {
  const found = [...readme.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
  const text = found.find((candidate) => candidate.startsWith(start));
  if (text === undefined) throw new Error(`No block that begins with ${start}`);
  return text;
};

describe('the documents of deploy/', () => {
  it('are short', () => {
    expect(readme.split('\n').length).toBeLessThan(200);
  });

  it('name only settings and files that there are', () => {
    const names = settings.flatMap(({ name, isSecret }) => (isSecret ? [name, `${name}_FILE`] : [name]));
    for (const [name] of readme.matchAll(/\bDORA_\w+/g)) expect(names).toContain(name);
    for (const [, path = ''] of readme.matchAll(/`((?:deploy|kubernetes|woodpecker)\/[\w./-]*)`/g)) {
      if (path === 'deploy/.env') continue;
      expect([path, existsSync(join(repository, path)) || existsSync(join(folder, path))]).toEqual([
        path,
        true,
      ]);
    }
    for (const [, path = ''] of readme.matchAll(/(deploy\/[\w./]+\.(?:ts|yaml))/g)) {
      expect([path, existsSync(join(repository, path))]).toEqual([path, true]);
    }
  });

  it('name every step file', () => {
    const patterns = [...readme.matchAll(/`([\w.-]+(?:….)?[\w.…-]*\.yaml)`/g)].map(([, name = '']) => name);
    const isNamed = (file: string) =>
      patterns.some((pattern) => {
        const [start = '', end = ''] = pattern.split('…');
        return pattern.includes('…') ? file.startsWith(start) && file.endsWith(end) : file === pattern;
      });
    expect(readdirSync(join(folder, 'woodpecker')).filter((file) => !isNamed(file))).toEqual([]);
  });

  it('give a Kustomization that renders, with the settings and the name that it says', async ({ skip }) => {
    const own = join(temporaryFolder(), 'own');
    mkdirSync(own);
    const told = block('# kustomization.yaml');
    const resource = '../woodpecker-dora-exporter/deploy/kubernetes/prometheus-operator';
    expect(told).toContain(resource);
    const overlay = relative(own, join(folder, 'kubernetes/prometheus-operator'));
    writeFileSync(join(own, 'kustomization.yaml'), told.replace(resource, overlay));

    const manifests = renderFolder(own, skip);
    expect(await problemsOf(manifests)).toEqual([]);
    const namespaces = manifests.map(({ metadata }) => (metadata as { namespace?: string }).namespace);
    expect(new Set(namespaces)).toEqual(new Set(['dora']));
    const only = (kind: string, name = 'dora-exporter') =>
      manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name.startsWith(name));
    expect(only('ConfigMap', 'dora-exporter-settings')?.['data']).toEqual({
      DORA_FORGE_URL: 'https://codeberg.org',
      DORA_LOG_LEVEL: 'info',
      DORA_WOODPECKER_URL: 'https://ci.example.com',
    });
    expect(only('ServiceMonitor')?.metadata.labels).toMatchObject({ release: 'monitoring' });
    expect(JSON.stringify(only('Deployment') as Manifest)).toContain(
      '"image":"registry.example.com/woodpecker-dora-exporter:0.1.0"',
    );
  });

  it('make a Secret with the keys that the Deployment reads', () => {
    const deployment = readFileSync(join(folder, 'kubernetes/base/deployment.yaml'), 'utf8');
    const read = [...deployment.matchAll(/^ +key: (\S+)$/gm)].map((match) => match[1]);
    const made = [...block('kubectl create namespace').matchAll(/--from-literal=([\w-]+)=/g)].map(
      (match) => match[1],
    );
    expect(made).toEqual(read);
  });
});
