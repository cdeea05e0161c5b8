/**
 * Makes the folders above a file, one by one: Node's recursive `mkdir` never ends below `/proc`, where the system reports
 * an existing parent as missing.
 */

import { accessSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from './error-code.ts';

/** Types of the file systems proc and sysfs: https://man7.org/linux/man-pages/man2/statfs.2.html */
const kernelFileSystems = [0x9fa0, 0x62656572];
/** Errors of a path where no user can make a folder, also with all rights and enough space. */
const futileCodes: readonly unknown[] = ['ENOENT', 'EPERM', 'EEXIST'];

/** The folder of the path does not exist, and no user can make it. */
export class NoPlaceForFolder extends Error {
  override name = 'NoPlaceForFolder';
}

/** Makes the folder and its missing parents. Throws `NoPlaceForFolder` or an error of the system. */
export function makeFolder(path: string): void {
  for (const folder of locate(path).missing) {
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
 * Whether this process has the right to make the folder and files in it. Only reads rights, so making it may still fail.
 * Throws `NoPlaceForFolder` if no user can make it.
 */
export function mayMakeFolder(path: string): boolean {
  try {
    accessSync(locate(path).from, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof NoPlaceForFolder) throw error;
    return false;
  }
}

/** The lowest existing folder of a path, and the missing ones below it, the highest first. Throws `NoPlaceForFolder`. */
function locate(path: string): { readonly from: string; readonly missing: readonly string[] } {
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
