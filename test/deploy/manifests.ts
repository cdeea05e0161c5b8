/**
 * Kubernetes objects as Kustomize renders them, and what the API server would hold against them.
 *
 * Two judges, both from the packages that describe Kubernetes and the Prometheus operator: their validators for values,
 * and TypeScript on their types for keys, since the validators let any key pass, and a compiler refuses a key in a
 * literal that its type does not have.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { repository } from '../support/repository.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

/** Renders a folder of `deploy/`, as `renderFolder` does. */
export function renderKustomization(folder: string, skip: (reason: string) => never): readonly Manifest[] {
  return renderFolder(join(repository, 'deploy', folder), skip);
}

/** Renders a folder with kubectl or else Kustomize; calls `skip`, or throws where nothing may be skipped, without both. */
export function renderFolder(path: string, skip: (reason: string) => never): readonly Manifest[] {
  const command = isInstalled('kubectl')
    ? ['kubectl', 'kustomize', path]
    : isInstalled('kustomize')
      ? ['kustomize', 'build', path]
      : null;
  if (command === null) {
    const reason = 'Neither kubectl nor kustomize is installed';
    if (process.env['DORA_TEST_REQUIRE_ALL'] === '1') throw new Error(reason);
    return skip(reason);
  }
  const [program = '', ...args] = command;
  const rendered = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
}

/** What is wrong with the manifests; empty where nothing is. Takes the time of a compiler's run. */
export async function problemsOf(manifests: readonly Manifest[]): Promise<readonly string[]> {
  const values = await Promise.all(manifests.map(wrongValues));
  return [...values.flat(), ...unknownKeys(manifests)];
}

async function wrongValues(manifest: Manifest): Promise<readonly string[]> {
  const { [manifest.kind]: Model } = (await import(modelPathOf(manifest))) as Record<
    string,
    new (
      data: Manifest,
    ) => { validate(): void }
  >;
  if (!Model) throw new Error(`No model of ${manifest.kind}`);
  try {
    new Model(manifest).validate();
    return [];
  } catch (error) {
    return [`${nameOf(manifest)}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function unknownKeys(manifests: readonly Manifest[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'dora-manifests-'));
  try {
    const files = manifests.map((manifest, index) => {
      const file = join(folder, `${index}.ts`);
      const type = `I${manifest.kind}`;
      writeFileSync(
        file,
        `import type { ${type} } from ${JSON.stringify(modelPathOf(manifest))};\nexport const manifest: ${type} = ${JSON.stringify(manifest, null, 1)};\n`,
      );
      return file;
    });
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--module', 'nodenext'];
    const compiler = join(repository, 'node_modules/.bin/tsc');
    const { stdout, status } = spawnSync(
      compiler,
      [...options, '--ignoreConfig', '--pretty', 'false', ...files],
      { encoding: 'utf8', cwd: folder },
    );
    const told = stdout.split('\n').filter((line) => line.includes('error TS'));
    if (status !== 0 && told.length === 0) throw new Error(`The compiler failed: ${stdout}`);
    return told.map((line) => {
      const index = Number(/^(\d+)\.ts/.exec(line)?.[1]);
      const manifest = manifests[index];
      return manifest ? `${nameOf(manifest)}: ${line}` : line;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function modelPathOf({ apiVersion, kind }: Manifest): string {
  const candidates = ['kubernetes-models', '@kubernetes-models/prometheus-operator'].map((name) =>
    join(repository, 'node_modules', name, apiVersion, `${kind}.js`),
  );
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`Nothing is known of ${apiVersion} ${kind}`);
  return found;
}

const nameOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
