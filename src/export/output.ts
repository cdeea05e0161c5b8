/** The output of an export: standard output, a file, or a folder with a file for each block that Prometheus makes. */

import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../util/folder.ts';

export interface ExportOutput {
  /** Unix seconds. A new text begins at each. */
  readonly cuts: readonly number[];
  /** Appends to the text with this index. Call it again only when it has fulfilled. Rejects with an error of the system. */
  write(text: number, piece: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * promtool reads its whole input once for each block, so each file contains one block. With `--max-block-duration=162h`, a
 * length to which Prometheus itself merges blocks, its blocks begin at multiples of this number of seconds.
 */
export const blockSeconds = 162 * 3600;

/**
 * `path` `null`: standard output. A path that ends in a slash: a folder, which `makeFolder` creates. Times in Unix seconds.
 * Rejects with an error of the system, or as `makeFolder` throws.
 */
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

/** The start of a text as a name. Sorted names are in the order of time. */
function fileNameOf(at: number): string {
  return new Date(at * 1000)
    .toISOString()
    .replace(/:\d\d\.\d+Z$/, 'Z')
    .replace(':', '');
}
