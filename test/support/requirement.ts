/** Programs that some tests need. Without the program, such a test is skipped with a reason, or fails. */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Returns the program's path. If it is missing, calls `skip` with the reason, or throws if no test may be skipped. */
export function requireProgram(name: string, skip: (reason: string) => never): string {
  return findProgram(name) ?? skip(`${name} is not installed`);
}

/** For `describe.skipIf`, if several tests share a program's result. Throws if no test may be skipped. */
export function isMissing(name: string): boolean {
  return findProgram(name) === undefined;
}

function findProgram(name: string): string | undefined {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (!found && process.env['DORA_TEST_REQUIRE_ALL'] === '1') throw new Error(`${name} is not installed`);
  return found;
}
