/**
 * Secrets: a setting contains the value, or names a file with it. If a secret is not set, the service generates it once,
 * keeps it in a file beside the database, and reads that file at each start.
 *
 * Guarantees: a kept file is complete, and only its owner can read it; simultaneous starts get the same secret. Messages and
 * log never contain a value, except with the database `:memory:`, since there is no file then. Does not know the use of a
 * secret.
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

/** The value of the setting `name`, or the content of the file in `name`_FILE; `null`: neither is set. */
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
      problem: `${name}_FILE: expected a file with a secret, ${given}, which is empty`,
    };
  } catch (error) {
    return {
      ok: false,
      problem: `${name}_FILE: expected a file that can be read, ${given}: ${describeError(error)}`,
    };
  }
}

/** The secrets in a text, separated by white space. */
export function splitSecrets(text: string): readonly string[] {
  return text.split(/\s+/).filter((part) => part !== '');
}

/** Whether there is a secret, and each with the prefix `whsec_` continues in base64. An empty key would be known to all. */
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
  /** Secrets of the setting; `null`: it is not set. */
  readonly given: readonly string[] | null;
  /** Name of the kept file. */
  readonly fileName: string;
  /** The file is kept in the database's folder; for `:memory:` there is no file. */
  readonly databasePath: string;
  readonly log: Log;
}

/** The valid secrets, at least one. Throws, with the path, if the kept file cannot be read, used or written. */
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
    log.warn(`${setting} is not set and nothing is kept, so this one is valid for this run alone`, {
      secret,
    });
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
 * Generates a secret and keeps it in a file; `false`: another start was faster. Writes the file under a temporary name and
 * then links it, so that no process ever reads an incomplete file.
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

/** Makes the file's name survive a power cut. If the file system cannot do this, the secret is still valid. */
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
