/** Where an export goes: standard output, a file, or a folder with a file for each block that Prometheus makes of it. */

import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../util/folder.ts';

export interface ExportOutput {
  /** Unix seconds at which another text begins. */
  readonly cuts: readonly number[];
  /** Fulfils once there is room for more; to be called again only then. */
  write(text: number, piece: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * promtool reads its whole input for each block that it makes, and makes them between multiples of this where it is told
 * `--max-block-duration=162h`: one of the lengths that Prometheus itself merges blocks to.
 */
export const blockSeconds = 162 * 3600;

/** `path` of `null`: standard output; one that ends in a slash: a folder, made as `makeFolder` does. Times in Unix seconds. */
export async function openOutput(path: string | null, from: number, to: number): Promise<ExportOutput> {
  if (path === null) return toStandardOutput();
  if (!path.endsWith('/')) return openFiles([path], []);
  const cuts: number[] = [];
  const firstCut = (Math.floor(from / blockSeconds) + 1) * blockSeconds;
  for (let cut = firstCut; cut < to; cut += blockSeconds) cuts.push(cut);
  makeFolder(path);
  return openFiles(
    [from, ...cuts].map((at) => join(path, `${fileNameOf(at)}.om`)),
    cuts,
  );
}

async function openFiles(paths: readonly string[], cuts: readonly number[]): Promise<ExportOutput> {
  const files = await Promise.all(paths.map((path) => open(path, 'w')));
  return {
    cuts,
    async write(text, piece) {
      await files[text]?.appendFile(piece);
    },
    async close() {
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

function toStandardOutput(): ExportOutput {
  const { stdout } = process;
  let failure: Error | null = null;
  stdout.on('error', (error) => {
    failure ??= error;
  });
  return {
    cuts: [],
    async write(_, piece) {
      if (failure) throw failure;
      if (!stdout.write(piece)) await once(stdout, 'drain');
    },
    async close() {
      if (failure) throw failure;
    },
  };
}

/** In the order of time when sorted by name. */
function fileNameOf(at: number): string {
  return new Date(at * 1000)
    .toISOString()
    .replace(/:\d\d\.\d+Z$/, 'Z')
    .replace(':', '');
}
