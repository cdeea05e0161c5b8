/**
 * Runs an image's root folder as a container engine would be told to run it: a mount namespace of its own with the root
 * read-only and the volumes writable, the image's numeric user, no capabilities, no new privileges, and no environment
 * but the image's and the given one. It shares network and process ids with the test.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import type { Image } from './build-image.ts';

export interface Container {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Once the process has ended: its exit code, `null` where a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Root becomes read-only, its volumes stay as they are, and the program takes the shell's place, so its process id. */
const script = `
set -e
root=$1; user=$2; group=$3; folder=$4; volumes=$5
shift 5
mount --bind "$root" "$root"
for volume in $volumes; do mount --bind "$root$volume" "$root$volume"; done
mkdir -p "$root/proc" "$root/dev"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root "$root" --wd "$folder" --setgid "$group" --setuid "$user" -- "$@"
`;

/** Runs the image's entry point with `args`, or `command` in its place. Ends with the test. */
export function runContainer(
  image: Image,
  env: Readonly<Record<string, string>>,
  options: { readonly command?: readonly string[]; readonly args?: readonly string[] } = {},
): Container {
  const { settings, root } = image;
  const [user = '', group = ''] = settings.user.split(':');
  const command = options.command ?? [...settings.entrypoint, ...(options.args ?? [])];
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--',
      'sh',
      '-c',
      script,
      'sh',
      root,
      user,
      group,
      settings.workingFolder,
      settings.volumes.join(' '),
      ...command,
    ],
    {
      env: { PATH: process.env['PATH'], ...Object.fromEntries(settings.environment), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, output: () => text, ended };
}

/** Calls `skip`, or throws where nothing may be skipped, unless the system lets us make namespaces and mounts. */
export function requireNamespaces(skip: (reason: string) => never): void {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'pipe' });
  } catch (error) {
    const reason = 'A mount namespace cannot be made here';
    if (process.env['DORA_TEST_REQUIRE_ALL'] === '1') throw new Error(reason, { cause: error });
    skip(reason);
  }
}
