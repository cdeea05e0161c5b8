/**
 * Folders on the way to a file. Made one by one: Node's own recursive `mkdir` never ends where the system calls a parent
 * missing that is there, as it does below `/proc`.
 */

import { accessSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from './error-code.ts';

/** Those of Linux itself, proc and sysfs: https://man7.org/linux/man-pages/man2/statfs.2.html */
const kernelFileSystems = [0x9fa0, 0x62656572];
/** What the system says where nobody could make a folder, whatever rights and room there are. */
const futileCodes: readonly unknown[] = ['ENOENT', 'EPERM', 'EEXIST'];

/** There is no folder to write in at the path, and nobody could make one. */
export class NoPlaceForFolder extends Error {
  override name = 'NoPlaceForFolder';
}

/** Makes the folder, and those above it that are missing. Throws `NoPlaceForFolder`, or what the system says. */
export function makeFolder(path: string): void {
  for (const folder of wayTo(path).missing) {
    try {
      mkdirSync(folder);
    } catch (cause) {
      // Another process was faster.
      if (isFolder(folder)) continue;
      const isFutile = futileCodes.includes(codeOf(cause));
      throw isFutile ? new NoPlaceForFolder(`No folder can be made at "${folder}"`, { cause }) : cause;
    }
  }
}

/**
 * Whether this process may make the folder, and files in it, by what can be seen without a try. Throws
 * `NoPlaceForFolder` where that is plain.
 */
export function mayMakeFolder(path: string): boolean {
  try {
    accessSync(wayTo(path).from, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof NoPlaceForFolder) throw error;
    return false;
  }
}

/** The folder that is there, and those below it that are not, the highest first. */
function wayTo(path: string): { readonly from: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  let from = resolve(path);
  for (; !existsSync(from) && dirname(from) !== from; from = dirname(from)) missing.unshift(from);
  if (!isFolder(from)) throw new NoPlaceForFolder(`"${from}" is not a folder`);
  if (kernelFileSystems.includes(statfsSync(from).type)) {
    throw new NoPlaceForFolder(`Nothing can be made in "${from}"`);
  }
  return { from, missing };
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
