/**
 * Builds and runs images with Podman, in a store of its own that goes with it.
 *
 * Two images cannot be had where no registry is reached, so others stand in under the build arguments that pin them: for
 * Node's, this process' own Node with this machine's npm and the few programs that the Dockerfile's commands call; for the
 * base, exactly the libraries that this Node is linked with. All else is the Dockerfile's own.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { collectOutput } from '../support/output.ts';
import { repository } from '../support/repository.ts';
import type { ImageSettings } from './dockerfile.ts';

export interface Engine {
  /** Builds a stage of `deploy/Dockerfile` and returns the image's name. */
  build(target: string): string;
  /** What the builder is given of a working copy in `folder`: paths below it. */
  contextOf(folder: string): readonly string[];
  /** What the engine has recorded of an image, its base's included. */
  settingsOf(image: string): ImageSettings;
  /** Copies a folder of an image to one of this machine's, which goes with the engine, and returns that. */
  copyOut(image: string, path: string): string;
  /** Runs the image's entry point with `args`, or `command` in its place. Ends with the test. */
  run(image: string, env: Readonly<Record<string, string>>, options?: RunOptions): Container;
  remove(): void;
}

export interface RunOptions {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  /** For its standard input, which is closed then. */
  readonly input?: Buffer;
}

export interface Container {
  readonly name: string;
  /** The engine's client: passes signals on to the container, and ends with its exit code. */
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  /** Runs a program inside, for what it writes to standard output; throws where its exit code is not 0. */
  execute(...command: readonly string[]): Buffer;
  /** Whether the image's own health check passes now. */
  isHealthy(): boolean;
}

/**
 * As `deploy/README.md` tells an operator to run it, but for the network: the test's own. Podman would add writable
 * folders that Docker does not.
 */
const hardened = [
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop',
  'ALL',
  '--security-opt',
  'no-new-privileges',
];
/** Podman asks for more than a user may have who is root in a sandbox only. */
const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];

/** Ends what runs and removes what was stored with `remove()`. */
export function startEngine(): Engine {
  const folder = mkdtempSync(join(tmpdir(), 'dora-engine-'));
  const stored = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run')];
  const podman = (...args: readonly string[]) =>
    execFileSync('podman', [...stored, ...args], { encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
  let containers = 0;
  let copies = 0;

  /** An image of the libraries that `programs` load, and of what `fill` adds to its root. */
  function importImage(name: string, programs: readonly string[], fill: (root: string) => void): string {
    const root = join(folder, name);
    mkdirSync(join(root, 'tmp'), { recursive: true });
    for (const library of new Set(programs.flatMap(librariesOf))) put(library, join(root, library));
    fill(root);
    execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.']);
    const trusted = process.env['NODE_EXTRA_CA_CERTS'];
    const environment = [
      'PATH=/usr/local/bin:/usr/bin:/bin',
      ...(trusted ? [`NODE_EXTRA_CA_CERTS=${trusted}`] : []),
    ];
    const changes = environment.flatMap((pair) => ['--change', `ENV ${pair}`]);
    podman('import', '--quiet', ...changes, `${root}.tar`, name);
    return `localhost/${name}`;
  }

  function importBases(): readonly string[] {
    const programs = ['sh', 'env', 'mkdir', 'mv', 'chmod'].map(programPath);
    const node = importImage('node', [process.execPath, ...programs], (root) => {
      put(process.execPath, join(root, 'usr/local/bin/node'));
      for (const program of programs) put(program, join(root, 'usr/bin', basename(program)));
      symlinkSync('usr/bin', join(root, 'bin'));
      mkdirSync(join(root, 'root'));
      symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
    });
    const base = importImage('base', [process.execPath], () => {});
    return ['--build-arg', `NODE_IMAGE=${node}`, '--build-arg', `BASE_IMAGE=${base}`];
  }
  let buildArguments: readonly string[] | undefined;

  function copyOut(image: string, path: string): string {
    const name = `copied-${++copies}`;
    podman('create', '--name', name, ...limits, image, 'none');
    podman('cp', `${name}:${path}`, join(folder, name));
    podman('rm', name);
    return join(folder, name);
  }

  return {
    build(target) {
      buildArguments ??= [...importBases(), ...npmVolumes()];
      const image = `dora-${target}`;
      const file = join(repository, 'deploy/Dockerfile');
      const about = ['--quiet', '--file', file, '--target', target, '--tag', image];
      podman(
        'build',
        // Other formats than Docker's know no health check.
        ...['--format', 'docker', '--isolation', 'chroot', '--network', 'host', ...limits],
        ...[...buildArguments, ...about, repository],
      );
      return image;
    },

    contextOf(context) {
      const file = join(folder, 'Context.Dockerfile');
      writeFileSync(file, 'FROM scratch\nCOPY . /context\n');
      podman('build', '--quiet', ...limits, '--file', file, '--tag', 'context', context);
      const copied = copyOut('context', '/context');
      return execFileSync('find', ['.', '-type', 'f', '-printf', '%P\n'], { cwd: copied, encoding: 'utf8' })
        .trim()
        .split('\n')
        .sort();
    },

    settingsOf(image) {
      const [{ Config: config, Healthcheck }] = JSON.parse(podman('image', 'inspect', image)) as [Inspected];
      return {
        environment: new Map(config.Env.map((pair) => splitOnce(pair, '='))),
        labels: new Map(Object.entries(config.Labels)),
        user: config.User,
        workingFolder: config.WorkingDir,
        volumes: Object.keys(config.Volumes),
        ports: Object.keys(config.ExposedPorts).map((port) => splitOnce(port, '/')[0]),
        entrypoint: config.Entrypoint,
        healthcheck: Healthcheck.Test.slice(1),
      };
    },

    copyOut,

    run(image, env, { command, args = [], input } = {}) {
      const name = `container-${++containers}`;
      const [program, ...rest] = command ?? [];
      const started = program ? ['--no-healthcheck', '--entrypoint', program] : [];
      const environment = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
      const child = spawn(
        'podman',
        [
          ...[
            ...stored,
            'run',
            '--rm',
            '--interactive',
            '--name',
            name,
            ...hardened,
            ...limits,
            '--network',
            'host',
          ],
          ...['--volume', 'dora-data:/data', ...environment, ...started, image, ...(program ? rest : args)],
        ],
        { stdio: 'pipe' },
      );
      child.stdin.end(input);
      const output = collectOutput(child.stdout, child.stderr);
      const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
      onTestFinished(async () => {
        podman('rm', '--force', '--ignore', '--time', '0', name);
        await ended;
      });
      return {
        name,
        child,
        output,
        ended,
        execute: (...inside) =>
          execFileSync('podman', [...stored, 'exec', name, ...inside], { maxBuffer: 2 ** 26 }),
        isHealthy: () => {
          try {
            podman('healthcheck', 'run', name);
            return true;
          } catch {
            return false;
          }
        },
      };
    },

    remove() {
      try {
        podman('rm', '--all', '--force', '--time', '0');
        podman('volume', 'rm', '--all', '--force');
        podman('rmi', '--all', '--force');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

interface Inspected {
  readonly Config: {
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly User: string;
    readonly WorkingDir: string;
    readonly Volumes: Readonly<Record<string, object>>;
    readonly ExposedPorts: Readonly<Record<string, object>>;
    readonly Entrypoint: readonly string[];
  };
  readonly Healthcheck: { readonly Test: readonly string[] };
}

/** This machine's npm, its settings, its cache and the authorities it trusts, where the build looks for them. */
function npmVolumes(): readonly string[] {
  const npm = dirname(dirname(realpathSync(programPath('npm'))));
  const setting = (name: string) => execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim();
  const volumes = [`${npm}:/usr/local/lib/node_modules/npm:ro`, `${setting('cache')}:/root/.npm`];
  const ownSettings = join(homedir(), '.npmrc');
  if (existsSync(ownSettings)) volumes.push(`${ownSettings}:/root/.npmrc:ro`);
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities) volumes.push(`${realpathSync(authorities)}:${authorities}:ro`);
  return volumes.flatMap((volume) => ['--volume', volume]);
}

/** Paths of the shared libraries that a program loads. */
export function librariesOf(program: string): readonly string[] {
  const told = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...told.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

function programPath(name: string): string {
  return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim();
}

function put(source: string, destination: string): void {
  mkdirSync(dirname(destination), { recursive: true });
  execFileSync('cp', ['--dereference', '--preserve=mode', source, destination]);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
