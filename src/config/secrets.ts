/**
 * Secrets: a setting contains the value, or names a file with it. A secret that is not set is generated once, kept in a file
 * beside the database, and read from there at each start.
 *
 * Guarantees: a kept file is complete, and only its owner can read it; simultaneous starts get the same secret; messages and
 * log never contain a value, except for `:memory:`, where nobody could learn it otherwise. Does not know what a secret opens.
 */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from '../util/error-code.ts';
import { makeFolder } from '../util/folder.ts';
import { describeError, type Log } from '../util/log.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type GivenSecret =
  | { readonly ok: true; readonly value: string | null }
  | { readonly ok: false; readonly problem: string };

/** The value of `name`, or of the file that `name`_FILE names; `null` if neither is set. */
export function givenSecret(env: Environment, name: string, readFile: (path: string) => string): GivenSecret {
  const value = env[name];
  const path = env[`${name}_FILE`];
  if (!path) return { ok: true, value: value || null };
  if (value) return { ok: false, problem: `${name}: expected either ${name} or ${name}_FILE, given both` };
  const given = `given ${JSON.stringify(path)}`;
  try {
    const text = readFile(path);
    if (text.trim() !== '') return { ok: true, value: text };
    return {
      ok: false,
      problem: `${name}_FILE: expected a file that holds a secret, ${given}, which is empty`,
    };
  } catch (error) {
    return {
      ok: false,
      problem: `${name}_FILE: expected a file that can be read, ${given}: ${describeError(error)}`,
    };
  }
}

/** The secrets in a text, one or several. */
export function splitSecrets(text: string): readonly string[] {
  return text.split(/\s+/).filter((part) => part !== '');
}

/** `whsec_` comes before base64. Text that decodes to nothing would be a key that everybody knows, so it is no secret. */
export function areUsable(secrets: readonly string[]): boolean {
  return (
    secrets.length > 0 &&
    secrets.every((secret) => !secret.startsWith('whsec_') || /^whsec_[\w+/-]{2,}={0,2}$/.test(secret))
  );
}

export function isWeak(secret: string): boolean {
  return secret.replace(/^whsec_/, '').length < 8;
}

export interface SecretRequest {
  /** Name of its setting. */
  readonly setting: string;
  readonly given: readonly string[] | null;
  /** Name of the kept file. */
  readonly fileName: string;
  /** The file is in the same folder; for `:memory:` there is none. */
  readonly databasePath: string;
  readonly log: Log;
}

/** The valid secrets, at least one. Throws, with the path, if the kept one can be neither read nor written. */
export function resolveSecret({
  setting,
  given,
  fileName,
  databasePath,
  log,
}: SecretRequest): readonly string[] {
  if (given !== null) return given;
  if (databasePath === ':memory:') {
    const secret = generate();
    log.warn(`${setting} is not set and nothing is kept, so this one holds for this run alone`, { secret });
    return [secret];
  }
  const path = resolve(dirname(databasePath), fileName);
  const isNew = !existsSync(path) && keep(path, setting, log);
  const secrets = readKept(path, setting, log);
  log.info(`${setting} is not set, using ${isNew ? 'a generated' : 'the kept'} secret`, { path });
  return secrets;
}

function generate(): string {
  return randomBytes(32).toString('base64url');
}

function readKept(path: string, setting: string, log: Log): readonly string[] {
  let text: string;
  let mode: number;
  try {
    const file = openSync(path, 'r');
    try {
      mode = fstatSync(file).mode & 0o777;
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Error(`Could not read the kept secret "${path}": make it readable or set ${setting}`, {
      cause: error,
    });
  }
  const secrets = splitSecrets(text);
  if (!areUsable(secrets)) {
    throw new Error(
      `No usable secret in "${path}": remove the file to have a new one generated, or set ${setting}`,
    );
  }
  if ((mode & 0o077) !== 0) {
    log.warn('A kept secret is open to others than its owner: set its mode to 0600', {
      path,
      mode: mode.toString(8).padStart(4, '0'),
    });
  }
  return secrets;
}

/**
 * Generates a secret; `false` if another start was faster. It is written under a temporary name and then linked, because a
 * new file can be seen, or left behind, empty.
 */
function keep(path: string, setting: string, log: Log): boolean {
  try {
    makeFolder(dirname(path));
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(file, `${generate()}\n`);
      fsyncSync(file);
      if (!publish(draft, path)) return false;
    } finally {
      closeSync(file);
      rmSync(draft);
    }
  } catch (error) {
    throw new Error(
      `Could not keep a generated secret in "${path}": make its folder writable or set ${setting}`,
      { cause: error },
    );
  }
  syncFolder(dirname(path), log);
  return true;
}

function publish(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    try {
      // Some file systems have no hard links.
      copyFileSync(draft, path, constants.COPYFILE_EXCL);
    } catch (copyError) {
      if (codeOf(copyError) === 'EEXIST') return false;
      throw copyError;
    }
  }
  return true;
}

/** Makes the file's name survive a power cut. Not every file system can; the secret is valid all the same. */
function syncFolder(path: string, log: Log): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    log.debug('Could not sync a folder', { path, error: describeError(error) });
  }
}
