/**
 * Secrets on a real disk: how they are given, generated, kept and found again, and what is logged about them.
 *
 * Guarantees that all its files are removed. Does not test the use of secrets.
 */

import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { areUsable, givenSecret, isWeak, resolveSecret, splitSecrets } from '../../src/config/secrets.ts';
import { createLog, describeError } from '../../src/util/log.ts';

const generated = /^[\w-]{43}$/;
let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function resolve(
  given: readonly string[] | null = null,
  database = join(folder, 'dora.db'),
): readonly string[] {
  const log = createLog(
    'info',
    (line) => lines.push(line),
    () => new Date(0),
  );
  return resolveSecret({
    setting: 'DORA_WEBHOOK_SECRET',
    given,
    fileName: 'webhook-secret',
    databasePath: database,
    log,
  });
}

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return describeError(error);
  }
  return 'none';
}

function keep(text: string, mode = 0o600): string {
  const path = join(folder, 'webhook-secret');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('resolveSecret', () => {
  it('uses a given secret, and does not touch the disk', () => {
    keep('kept-secret');
    expect(resolve(['given-1', 'given-2'])).toEqual(['given-1', 'given-2']);
    expect(readdirSync(folder)).toEqual(['webhook-secret']);
    expect(lines).toEqual([]);
  });

  it('generates a secret, keeps it for its owner only, and logs its path but not its value', () => {
    const [secret = ''] = resolve();
    const path = join(folder, 'webhook-secret');
    expect(secret).toMatch(generated);
    expect(readFileSync(path, 'utf8')).toBe(`${secret}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['webhook-secret']);
    expect(lines).toEqual([
      `1970-01-01T00:00:00.000Z info  DORA_WEBHOOK_SECRET is not set, using a generated secret path=${path}`,
    ]);
  });

  it('creates the folder of the database', () => {
    resolve(null, join(folder, 'a', 'b', 'dora.db'));
    expect(existsSync(join(folder, 'a', 'b', 'webhook-secret'))).toBe(true);
  });

  it('finds the same secret again', () => {
    const first = resolve();
    lines = [];
    expect(resolve()).toEqual(first);
    expect(lines).toEqual([
      `1970-01-01T00:00:00.000Z info  DORA_WEBHOOK_SECRET is not set, using the kept secret path=${join(folder, 'webhook-secret')}`,
    ]);
  });

  it('generates a different secret in another folder', () => {
    expect(resolve(null, join(folder, 'a', 'dora.db'))).not.toEqual(
      resolve(null, join(folder, 'b', 'dora.db')),
    );
  });

  it('uses the whole content of a kept file', () => {
    keep('new-secret\n  old-secret\r\n');
    expect(resolve()).toEqual(['new-secret', 'old-secret']);
  });

  it.each([
    [0o640, '0640'],
    [0o604, '0604'],
  ])('warns of a kept file that others may read (%o)', (mode, told) => {
    const path = keep('kept-secret', mode);
    expect(resolve()).toEqual(['kept-secret']);
    expect(lines[0]).toBe(
      `1970-01-01T00:00:00.000Z warn  A kept secret is open to others than its owner: set its mode to 0600 path=${path} mode=${told}`,
    );
  });

  it.each(['', ' \n', 'good-secret whsec_'])(
    'refuses a kept file that contains %j, and does not change it',
    (text) => {
      const path = keep(text);
      expect(errorOf(resolve)).toBe(
        `No usable secret in "${path}": remove the file to have a new one generated, or set DORA_WEBHOOK_SECRET`,
      );
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );

  it('refuses a kept file that cannot be read', () => {
    const path = join(folder, 'webhook-secret');
    mkdirSync(path);
    expect(errorOf(resolve)).toBe(
      `Could not read the kept secret "${path}": make it readable or set DORA_WEBHOOK_SECRET: EISDIR: illegal operation on a directory, read`,
    );
  });

  it('reports the path if it cannot keep the secret', () => {
    writeFileSync(join(folder, 'a'), '');
    expect(errorOf(() => resolve(null, join(folder, 'a', 'dora.db')))).toBe(
      `Could not keep a generated secret in "${join(folder, 'a', 'webhook-secret')}": make its folder writable or set DORA_WEBHOOK_SECRET: "${join(folder, 'a')}" is not a folder`,
    );
  });

  it('keeps no file beside a database in memory, and logs the value once', () => {
    const [secret] = resolve(null, ':memory:');
    expect(secret).toMatch(generated);
    expect(lines).toEqual([
      `1970-01-01T00:00:00.000Z warn  DORA_WEBHOOK_SECRET is not set and nothing is kept, so this one is valid for this run alone secret=${secret}`,
    ]);
    expect(existsSync('webhook-secret')).toBe(false);
    expect(resolve(null, ':memory:')).not.toEqual([secret]);
  });

  it('gives the same secret to all that start at the same time', async () => {
    const startAtMs = Date.now() + 1500;
    const program = `
      const { resolveSecret } = await import(${JSON.stringify(new URL('../../src/config/secrets.ts', import.meta.url).href)});
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      while (Date.now() < ${startAtMs});
      const databasePath = ${JSON.stringify(join(folder, 'data', 'dora.db'))};
      const request = { setting: 'DORA_ADMIN_TOKEN', given: null, fileName: 'admin-token', databasePath, log };
      console.log(resolveSecret(request).join(' '));
    `;
    const starts = await Promise.all(Array.from({ length: 6 }, () => run(program)));
    expect(starts[0]).toMatch(generated);
    expect(new Set(starts).size).toBe(1);
    expect(readdirSync(join(folder, 'data'))).toEqual(['admin-token']);
  });
});

/** The output of the program, or else its error. */
function run(program: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((fulfil, reject) => {
    child.on('error', reject);
    child.on('close', () => fulfil(output.trim()));
  });
}

describe('givenSecret', () => {
  const readFile = (path: string) => readFileSync(path, 'utf8');

  it('is the value, or the content of the file', () => {
    const path = keep('from a file\n');
    expect(givenSecret({ NAME: 'a value' }, 'NAME', readFile)).toEqual({ ok: true, value: 'a value' });
    expect(givenSecret({ NAME_FILE: path }, 'NAME', readFile)).toEqual({ ok: true, value: 'from a file\n' });
    expect(givenSecret({ NAME: '', NAME_FILE: '' }, 'NAME', readFile)).toEqual({ ok: true, value: null });
  });

  it.each(['', '\r\n'])('refuses a file that contains %j', (text) => {
    const path = keep(text);
    expect(givenSecret({ NAME_FILE: path }, 'NAME', readFile)).toEqual({
      ok: false,
      problem: `NAME_FILE: expected a file with a secret, given "${path}", which is empty`,
    });
  });

  it('refuses a file that cannot be read', () => {
    const path = join(folder, 'nothing');
    expect(givenSecret({ NAME_FILE: path }, 'NAME', readFile)).toEqual({
      ok: false,
      problem: `NAME_FILE: expected a file that can be read, given "${path}": ENOENT: no such file or directory, open '${path}'`,
    });
  });

  it('refuses a value together with a file, without repeating the value', () => {
    expect(givenSecret({ NAME: 'hunter22', NAME_FILE: '/run/name' }, 'NAME', readFile)).toEqual({
      ok: false,
      problem: 'NAME: expected either NAME or NAME_FILE, given both',
    });
  });
});

describe('a text of secrets', () => {
  it('is split at any white space', () => {
    expect(splitSecrets(' first\tsecond\n\nthird\r\n')).toEqual(['first', 'second', 'third']);
  });

  it('is usable if it contains at least one secret, and a key after each whsec_', () => {
    expect(areUsable(['secret', 'whsec_c2VjcmV0', 'whsec_c2VjcmU='])).toBe(true);
    expect([[], ['whsec_'], ['secret', 'whsec_='], ['whsec_!!!!']].map(areUsable)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('is weak if it is shorter than eight characters, without a leading whsec_', () => {
    expect(['1234567', '12345678', 'whsec_1234567', 'whsec_12345678'].map(isWeak)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
