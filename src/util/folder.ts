/**
 * Makes the folders above a file, one by one: Node's recursive `mkdir` never ends below `/proc`, where the system reports
 * an existing parent as missing.
 */

import { accessSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from './error-code.ts';

/** Those of Linux itself, proc and sysfs: https://man7.org/linux/man-pages/man2/statfs.2.html */
const kernelFileSystems = [0x9fa0, 0x62656572];
/** Errors of a path where nobody can make a folder, whatever the rights and the free space. */
const futileCodes: readonly unknown[] = ['ENOENT', 'EPERM', 'EEXIST'];

/** The path has no folder to write to, and nobody can make one. */
export class NoPlaceForFolder extends Error {
  override name = 'NoPlaceForFolder';
}

/** Makes the folder and its missing parents. Throws `NoPlaceForFolder` or an error of the system. */
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
 * Whether this process may make the folder and files in it, as far as can be seen without trying. Throws
 * `NoPlaceForFolder` if nobody can.
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

/** The lowest folder that exists, and the missing ones below it, the highest first. */
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
