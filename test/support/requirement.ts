/** Programs that some tests need: those tests run where they are, and say so where they are not. */

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program's path; else calls `skip` with the reason, or throws where nothing may be skipped. */
export function requireProgram(name: string, skip: (reason: string) => never): string {
  return findProgram(name) ?? skip(`${name} is not installed`);
}

/** For `describe.skipIf`, where several tests share what the program makes. Throws where nothing may be skipped. */
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
