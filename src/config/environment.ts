/**
 * The settings of the service: reads the environment, and the files that it names.
 *
 * Guarantees: all mistakes are reported at once, each with the setting's name, the expected form and the given value, but
 * never the value of a secret; a config is complete and consistent. Environment and files are arguments. Does not read the
 * policy file, and does not generate secrets.
 */

import { type ForgeKind, forgeKinds, kindOfHost } from '../forge/create-forge.ts';
import { closest } from '../util/did-you-mean.ts';
import { parseDurationSeconds } from '../util/duration.ts';
import { type LogLevel, logLevels } from '../util/log.ts';
import { type Address, addressWords, doCollide, parseAddress } from './address.ts';
import { areUsable, type Environment, givenSecret, isWeak, splitSecrets } from './secrets.ts';

export interface Config {
  readonly listen: Address;
  /** Address of figures and pages; `null`: the same as `listen`. */
  readonly metricsListen: Address | null;
  readonly databasePath: string;
  readonly policyPath: string | null;
  /** `url` has no trailing slash; `null`: webhook only. */
  readonly woodpecker: { readonly url: string; readonly token: string } | null;
  /** `url` has no trailing slash; `token` `null`: requests are anonymous; `null`: there is no forge. */
  readonly forge: { readonly kind: ForgeKind; readonly url: string; readonly token: string | null } | null;
  /** At least one; `null`: not set, so one is generated. */
  readonly webhookSecrets: readonly string[] | null;
  /** At least one; `null`: not set, so one is generated. */
  readonly incidentSecrets: readonly string[] | null;
  /** `null`: not set, so one is generated. */
  readonly adminToken: string | null;
  /** `null`: everybody may read the figures. */
  readonly metricsToken: string | null;
  /** `null`: unlimited. */
  readonly backfillHistorySeconds: number | null;
  /** 0: never. */
  readonly reconcileIntervalSeconds: number;
  readonly isStreamEnabled: boolean;
  /** Most pairs of repo and tier. */
  readonly maxPairs: number;
  readonly logLevel: LogLevel;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[]; readonly warnings: readonly string[] };

export interface Setting {
  readonly name: string;
  /** As written in the environment; `null`: unset. */
  readonly default: string | null;
  /** The same name with `_FILE` may name a file that contains it. */
  readonly isSecret: boolean;
}

/** Every setting, in the order of the documentation. */
export const settings = [
  { name: 'DORA_LISTEN', default: '0.0.0.0:3672', isSecret: false },
  { name: 'DORA_METRICS_LISTEN', default: null, isSecret: false },
  { name: 'DORA_DATABASE', default: 'data/dora.db', isSecret: false },
  { name: 'DORA_POLICY', default: null, isSecret: false },
  { name: 'DORA_WOODPECKER_URL', default: null, isSecret: false },
  { name: 'DORA_WOODPECKER_TOKEN', default: null, isSecret: true },
  { name: 'DORA_FORGE_URL', default: null, isSecret: false },
  { name: 'DORA_FORGE_TOKEN', default: null, isSecret: true },
  { name: 'DORA_FORGE_KIND', default: null, isSecret: false },
  { name: 'DORA_WEBHOOK_SECRET', default: null, isSecret: true },
  { name: 'DORA_INCIDENT_SECRET', default: null, isSecret: true },
  { name: 'DORA_ADMIN_TOKEN', default: null, isSecret: true },
  { name: 'DORA_METRICS_TOKEN', default: null, isSecret: true },
  { name: 'DORA_BACKFILL_HISTORY', default: '120d', isSecret: false },
  { name: 'DORA_RECONCILE_INTERVAL', default: '5m', isSecret: false },
  { name: 'DORA_STREAM', default: 'true', isSecret: false },
  { name: 'DORA_MAX_PAIRS', default: '10000', isSecret: false },
  { name: 'DORA_LOG_LEVEL', default: 'info', isSecret: false },
] as const satisfies readonly Setting[];

type SettingName = (typeof settings)[number]['name'];

/** Tokens that another server has issued: their strength is not checked. */
const foreignTokens: readonly SettingName[] = ['DORA_WOODPECKER_TOKEN', 'DORA_FORGE_TOKEN'];

/** Node's timers of more than 2^31 - 1 milliseconds, about 24.8 days, fire at once. */
const longestIntervalSeconds = 24 * 86_400;

/** `readFile` must throw if it cannot read. */
export function parseConfig(env: Environment, readFile: (path: string) => string): ParsedConfig {
  const problems: string[] = [];
  const warnings = unknownNames(env);

  function read<T>(name: SettingName, expected: string, parse: (text: string) => T | null): T | null {
    const text = env[name] || settings.find((setting) => setting.name === name)?.default;
    if (!text) return null;
    const value = parse(text);
    if (value === null) problems.push(`${name}: expected ${expected}, given ${show(text)}`);
    return value;
  }

  function readSecrets(
    name: SettingName,
    expected: string,
    isValid: (secrets: readonly string[]) => boolean,
  ): readonly string[] | null {
    const given = givenSecret(env, name, readFile);
    if (!given.ok) problems.push(given.problem);
    if (!given.ok || given.value === null) return null;
    const secrets = splitSecrets(given.value);
    if (!isValid(secrets)) {
      problems.push(`${name}: expected ${expected}, given something else (not shown)`);
    } else if (!foreignTokens.includes(name) && secrets.some(isWeak)) {
      warnings.push(`${name}: shorter than 8 characters, which is easy to guess`);
    }
    return secrets;
  }

  const readToken = (name: SettingName) =>
    readSecrets(name, 'one word of ASCII characters', isToken)?.[0] ?? null;

  const listen = read('DORA_LISTEN', addressWords, parseAddress);
  const metricsListen = read('DORA_METRICS_LISTEN', addressWords, parseAddress);
  if (listen && metricsListen && doCollide(listen, metricsListen)) {
    problems.push('DORA_METRICS_LISTEN: expected another address than DORA_LISTEN, given one that overlaps');
  }
  const databaseWords = 'the path of a file, without file: before it, or :memory:';
  const databasePath = read('DORA_DATABASE', databaseWords, (text) =>
    /^file:|^\s*$|\/$/i.test(text) ? null : text,
  );
  const urlWords = 'an http or https URL without user name, password, query and fragment';
  const rootOf = (name: SettingName, api: RegExp): string | null => {
    const root = read(name, urlWords, parseRootUrl);
    const end = root === null ? null : api.exec(new URL(root).pathname)?.[0];
    if (end)
      problems.push(
        `${name}: expected the address that people open, given one with ${end}: leave off ${end}`,
      );
    return root;
  };
  const url = rootOf('DORA_WOODPECKER_URL', /\/api$/);
  const token = readToken('DORA_WOODPECKER_TOKEN');
  const isUrlSet = Boolean(env['DORA_WOODPECKER_URL']);
  if (isUrlSet !== Boolean(env['DORA_WOODPECKER_TOKEN'] || env['DORA_WOODPECKER_TOKEN_FILE'])) {
    const [set, unset] = isUrlSet ? ['URL', 'TOKEN'] : ['TOKEN', 'URL'];
    problems.push(`DORA_WOODPECKER_${unset}: expected one beside DORA_WOODPECKER_${set}, given none`);
  }

  const forgeUrl = rootOf('DORA_FORGE_URL', /\/api(?:\/v\d+)?$/);
  const forgeToken = readToken('DORA_FORGE_TOKEN');
  const kindWords = `one of ${forgeKinds.join(', ')}`;
  const givenKind = read('DORA_FORGE_KIND', kindWords, oneOf(forgeKinds));
  const forgeKind = givenKind ?? (forgeUrl === null ? null : kindOfHost(new URL(forgeUrl).hostname));
  for (const name of ['DORA_FORGE_TOKEN', 'DORA_FORGE_KIND']) {
    if (!env['DORA_FORGE_URL'] && (env[name] || env[`${name}_FILE`])) {
      problems.push(`DORA_FORGE_URL: expected one beside ${name}, given none`);
    }
  }
  if (forgeUrl !== null && forgeKind === null && !env['DORA_FORGE_KIND']) {
    problems.push(`DORA_FORGE_KIND: expected ${kindWords} beside this DORA_FORGE_URL, given none`);
  }

  const secretWords = 'secrets separated by white space, with base64 after a leading whsec_';
  const webhookSecrets = readSecrets('DORA_WEBHOOK_SECRET', secretWords, areUsable);
  const incidentSecrets = readSecrets('DORA_INCIDENT_SECRET', secretWords, areUsable);
  const adminToken = readToken('DORA_ADMIN_TOKEN');
  const metricsToken = readToken('DORA_METRICS_TOKEN');

  const historyWords = 'a duration with its unit such as 120d, or 0 for all';
  const history = read('DORA_BACKFILL_HISTORY', historyWords, parseDurationSeconds);
  const intervalWords = 'a duration of at most 24d with its unit such as 5m, or 0 for never';
  const interval = read('DORA_RECONCILE_INTERVAL', intervalWords, (text) =>
    parseDurationSeconds(text, longestIntervalSeconds),
  );
  const stream = read('DORA_STREAM', 'true or false', oneOf(['true', 'false']));
  const maxPairs = read('DORA_MAX_PAIRS', 'a whole number from 1 to 1000000', parseCount);
  const logLevel = read('DORA_LOG_LEVEL', `one of ${logLevels.join(', ')}`, oneOf(logLevels));

  if (
    problems.length > 0 ||
    listen === null ||
    databasePath === null ||
    history === null ||
    interval === null ||
    stream === null ||
    maxPairs === null ||
    logLevel === null
  ) {
    return { ok: false, problems, warnings };
  }
  const config: Config = {
    listen,
    metricsListen,
    databasePath,
    policyPath: env['DORA_POLICY'] || null,
    woodpecker: url === null || token === null ? null : { url, token },
    forge:
      forgeUrl === null || forgeKind === null ? null : { kind: forgeKind, url: forgeUrl, token: forgeToken },
    webhookSecrets,
    incidentSecrets,
    adminToken,
    metricsToken,
    backfillHistorySeconds: history === 0 ? null : history,
    reconcileIntervalSeconds: interval,
    isStreamEnabled: stream === 'true',
    maxPairs,
    logLevel,
  };
  return { ok: true, config, warnings };
}

/** Warnings about unknown names. No mistakes, since Kubernetes sets similar names, such as `DORA_EXPORTER_PORT`. */
function unknownNames(env: Environment): string[] {
  const known = settings.flatMap(({ name, isSecret }) => (isSecret ? [name, `${name}_FILE`] : [name]));
  const isOurs = (name: string) => name.startsWith('DORA_') && !name.startsWith('DORA_TEST_');
  return Object.keys(env)
    .filter((name) => isOurs(name) && !known.some((other) => other === name))
    .map((name) => {
      const meant = closest(name, known) ?? known.find((other) => name.startsWith(`${other}_`));
      return `${name}: not a setting, so it is ignored${meant ? `, did you mean ${meant}?` : ''}`;
    });
}

function parseRootUrl(text: string): string | null {
  const url = /^https?:\/\//i.test(text) && !/[?#\s]/.test(text) ? URL.parse(text) : null;
  if (!url || url.username || url.password) return null;
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function oneOf<T extends string>(words: readonly T[]): (text: string) => T | null {
  return (text) => words.find((word) => word === text) ?? null;
}

function parseCount(text: string): number | null {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= 1_000_000 ? count : null;
}

/** Whether the text is one word of characters that a header may contain. */
function isToken(words: readonly string[]): boolean {
  return words.length === 1 && words.every((word) => /^[\x21-\x7e]+$/.test(word));
}

/** Quotes a value. User name, query and fragment of a URL may be secrets. */
function show(text: string): string {
  return /[@?#]/.test(text) ? 'something that may contain a secret (not shown)' : JSON.stringify(text);
}
