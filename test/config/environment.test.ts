/**
 * The settings: their allowed values, their defaults, and the reports of mistakes.
 *
 * Guarantees that no secret used here is in any message. Does not use the real environment and disk.
 */

import { describe, expect, it } from 'vitest';
import { type Config, parseConfig, settings } from '../../src/config/environment.ts';
import { parseDurationSeconds } from '../../src/util/duration.ts';

type Given = Readonly<Record<string, string>>;

function readFile(path: string): string {
  if (path === '/run/token') return 'a-token-from-a-file\n';
  throw new Error(`ENOENT: no such file or directory, open '${path}'`);
}

function configOf(env: Given): Config {
  const parsed = parseConfig(env, readFile);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  return parsed.config;
}

function problemsOf(env: Given): readonly string[] {
  const parsed = parseConfig(env, readFile);
  return parsed.ok ? [] : parsed.problems;
}

const warningsOf = (env: Given): readonly string[] => parseConfig(env, readFile).warnings;

const defaults: Config = {
  listen: { host: '0.0.0.0', port: 3672 },
  metricsListen: null,
  databasePath: 'data/dora.db',
  policyPath: null,
  woodpecker: null,
  forge: null,
  webhookSecrets: null,
  incidentSecrets: null,
  adminToken: null,
  metricsToken: null,
  backfillHistorySeconds: 10_368_000,
  reconcileIntervalSeconds: 300,
  isStreamEnabled: true,
  maxPairs: 10_000,
  logLevel: 'info',
};

describe('parseConfig', () => {
  it('tells which end to remove from an address that contains the API of its server', () => {
    const pair = { DORA_WOODPECKER_TOKEN: 'a-token', DORA_FORGE_KIND: 'gitea' };
    expect(
      problemsOf({
        ...pair,
        DORA_WOODPECKER_URL: 'https://ci.example.com/sub/api/',
        DORA_FORGE_URL: 'https://git.example.com/api/v1',
      }),
    ).toEqual([
      'DORA_WOODPECKER_URL: expected the address that people open, given one with /api: leave off /api',
      'DORA_FORGE_URL: expected the address that people open, given one with /api/v1: leave off /api/v1',
    ]);
    expect(
      problemsOf({
        ...pair,
        DORA_WOODPECKER_URL: 'https://api.example.com/apis',
        DORA_FORGE_URL: 'https://api',
      }),
    ).toEqual([]);
  });

  it('needs no settings, and treats an empty setting as absent', () => {
    const names = settings.flatMap(({ name }) => [name, `${name}_FILE`]);
    expect(parseConfig({}, readFile)).toEqual({ ok: true, config: defaults, warnings: [] });
    expect(configOf(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(defaults);
  });

  it('has the defaults in the list of settings', () => {
    const told = settings.flatMap((setting) => (setting.default ? [[setting.name, setting.default]] : []));
    expect(told).toHaveLength(7);
    expect(configOf(Object.fromEntries(told))).toEqual(defaults);
  });

  it('reads every setting', () => {
    const env = {
      DORA_LISTEN: '127.0.0.1:8000',
      DORA_METRICS_LISTEN: ':9000',
      DORA_DATABASE: ':memory:',
      DORA_POLICY: '/etc/dora/policy.yaml',
      DORA_WOODPECKER_URL: 'https://ci.example.com/woodpecker/',
      DORA_WOODPECKER_TOKEN: 'woodpecker-token',
      DORA_FORGE_URL: 'https://git.example.com/forge/',
      DORA_FORGE_TOKEN: 'forge-token',
      DORA_FORGE_KIND: 'gitea',
      DORA_WEBHOOK_SECRET: 'first-secret\n second-secret',
      DORA_INCIDENT_SECRET: 'pager-secret',
      DORA_ADMIN_TOKEN: 'admin-token',
      DORA_METRICS_TOKEN: 'metrics-token',
      DORA_BACKFILL_HISTORY: '12h',
      DORA_RECONCILE_INTERVAL: '30s',
      DORA_STREAM: 'false',
      DORA_MAX_PAIRS: '500',
      DORA_LOG_LEVEL: 'debug',
    };
    expect(Object.keys(env)).toEqual(settings.map(({ name }) => name));
    expect(configOf(env)).toEqual({
      listen: { host: '127.0.0.1', port: 8000 },
      metricsListen: { host: '0.0.0.0', port: 9000 },
      databasePath: ':memory:',
      policyPath: '/etc/dora/policy.yaml',
      woodpecker: { url: 'https://ci.example.com/woodpecker', token: 'woodpecker-token' },
      forge: { kind: 'gitea', url: 'https://git.example.com/forge', token: 'forge-token' },
      webhookSecrets: ['first-secret', 'second-secret'],
      incidentSecrets: ['pager-secret'],
      adminToken: 'admin-token',
      metricsToken: 'metrics-token',
      backfillHistorySeconds: 43_200,
      reconcileIntervalSeconds: 30,
      isStreamEnabled: false,
      maxPairs: 500,
      logLevel: 'debug',
    });
    expect(warningsOf(env)).toEqual([]);
  });

  it('reports all mistakes together: each with its name, the expected and the given value, except secrets', () => {
    const env = {
      DORA_LISTEN: '3672',
      DORA_METRICS_LISTEN: 'localhost:65536',
      DORA_DATABASE: 'data/',
      DORA_WOODPECKER_URL: 'ci.example.com',
      DORA_WOODPECKER_TOKEN_FILE: '/run/nothing',
      DORA_FORGE_URL: 'git.example.com',
      DORA_FORGE_TOKEN: 'hunter22 hunter23',
      DORA_FORGE_KIND: 'GitHub',
      DORA_WEBHOOK_SECRET: 'hunter22 whsec_!!!!',
      DORA_ADMIN_TOKEN: 'hunter22 hunter23',
      DORA_METRICS_TOKEN: 'hünter22',
      DORA_BACKFILL_HISTORY: '120',
      DORA_RECONCILE_INTERVAL: '25d',
      DORA_STREAM: 'yes',
      DORA_MAX_PAIRS: '0',
      DORA_LOG_LEVEL: 'trace',
    };
    expect(problemsOf(env)).toEqual([
      'DORA_LISTEN: expected host:port, :port or [ipv6]:port with a port from 0 to 65535, given "3672"',
      'DORA_METRICS_LISTEN: expected host:port, :port or [ipv6]:port with a port from 0 to 65535, given "localhost:65536"',
      'DORA_DATABASE: expected the path of a file, without file: before it, or :memory:, given "data/"',
      'DORA_WOODPECKER_URL: expected an http or https URL without user name, password, query and fragment, given "ci.example.com"',
      'DORA_WOODPECKER_TOKEN_FILE: expected a file that can be read, given "/run/nothing": ENOENT: no such file or directory, open \'/run/nothing\'',
      'DORA_FORGE_URL: expected an http or https URL without user name, password, query and fragment, given "git.example.com"',
      'DORA_FORGE_TOKEN: expected one word of ASCII characters, given something else (not shown)',
      'DORA_FORGE_KIND: expected one of forgejo, gitea, github, gitlab, given "GitHub"',
      'DORA_WEBHOOK_SECRET: expected secrets separated by white space, with base64 after a leading whsec_, given something else (not shown)',
      'DORA_ADMIN_TOKEN: expected one word of ASCII characters, given something else (not shown)',
      'DORA_METRICS_TOKEN: expected one word of ASCII characters, given something else (not shown)',
      'DORA_BACKFILL_HISTORY: expected a duration with its unit such as 120d, or 0 for all, given "120"',
      'DORA_RECONCILE_INTERVAL: expected a duration of at most 24d with its unit such as 5m, or 0 for never, given "25d"',
      'DORA_STREAM: expected true or false, given "yes"',
      'DORA_MAX_PAIRS: expected a whole number from 1 to 1000000, given "0"',
      'DORA_LOG_LEVEL: expected one of debug, info, warn, error, given "trace"',
    ]);
  });

  it('takes 0 as the whole history, and as no reconciliation', () => {
    const env = { DORA_BACKFILL_HISTORY: '0', DORA_RECONCILE_INTERVAL: '0' };
    expect(configOf(env)).toEqual({ ...defaults, backfillHistorySeconds: null, reconcileIntervalSeconds: 0 });
  });
});

describe('parseConfig on addresses', () => {
  it.each([
    ['localhost:3672', 'localhost', 3672],
    ['127.0.0.1:0', '127.0.0.1', 0],
    [':65535', '0.0.0.0', 65_535],
    ['[::1]:3672', '::1', 3672],
    ['dora_exporter:80', 'dora_exporter', 80],
    ['Host-1.example.com.:80', 'Host-1.example.com.', 80],
  ])('reads %s', (text, host, port) => {
    expect(configOf({ DORA_LISTEN: text }).listen).toEqual({ host, port });
  });

  const malformed = 'localhost ::1:3672 [localhost]:80 [::1] 300.0.0.1:80 http://a:80 a: a:-1 a:b'.split(' ');
  const names = [
    '*:80',
    '-a:80',
    'a-:80',
    'a..b:80',
    '.a:80',
    'a,b:80',
    'ä:80',
    'a%b:80',
    `${'a'.repeat(64)}:80`,
  ];
  it.each([...malformed, ...names, 'a b:80', '[fe80::1:80', '[*]:80'])('refuses %s', (text) => {
    expect(problemsOf({ DORA_LISTEN: text })).toHaveLength(1);
  });

  const overlap = ['DORA_METRICS_LISTEN: expected another address than DORA_LISTEN, given one that overlaps'];
  it.each([
    ['refuses', 'localhost:3672', 'localhost:3672', overlap],
    ['refuses', '0.0.0.0:3672', '127.0.0.1:3672', overlap],
    ['refuses', '10.0.0.1:3672', '[::]:3672', overlap],
    ['takes', '127.0.0.1:0', '127.0.0.1:0', []],
    ['takes', '127.0.0.1:3672', '127.0.0.2:3672', []],
    ['takes', '0.0.0.0:3672', '[::1]:3672', []],
  ])('%s %s beside %s', (_, listen, metricsListen, problems) => {
    expect(problemsOf({ DORA_LISTEN: listen, DORA_METRICS_LISTEN: metricsListen })).toEqual(problems);
  });
});

describe('parseConfig on the database', () => {
  const expected = 'DORA_DATABASE: expected the path of a file, without file: before it, or :memory:';

  it.each([
    [' ', '" "'],
    ['\t \n', '"\\t \\n"'],
    ['data/', '"data/"'],
    ['file:dora.db', '"file:dora.db"'],
    ['File:///data/dora.db', '"File:///data/dora.db"'],
    ['file:dora.db?mode=memory', 'something that may contain a secret (not shown)'],
  ])('refuses %j', (text, shown) => {
    expect(problemsOf({ DORA_DATABASE: text })).toEqual([`${expected}, given ${shown}`]);
  });

  it.each([':memory:', './file:dora.db', '/data/file', 'my file.db'])('takes %j', (text) => {
    expect(configOf({ DORA_DATABASE: text }).databasePath).toBe(text);
  });
});

describe("parseConfig on Woodpecker's URL", () => {
  const withToken = (url: string) => ({ DORA_WOODPECKER_URL: url, DORA_WOODPECKER_TOKEN_FILE: '/run/token' });
  const expected =
    'DORA_WOODPECKER_URL: expected an http or https URL without user name, password, query and fragment';

  it('keeps its path, and removes trailing slashes', () => {
    expect(configOf(withToken('HTTP://CI.a.example/b/c//')).woodpecker?.url).toBe('http://ci.a.example/b/c');
  });

  const hidden = 'something that may contain a secret (not shown)';
  it.each([
    ['ftp://a.example', '"ftp://a.example"'],
    ['http:a.example', '"http:a.example"'],
    ['https://a/b c', '"https://a/b c"'],
    ['https://me:hunter22@a.example', hidden],
    ['https://a.example/?t=hunter22', hidden],
    ['https://a.example/#hunter22', hidden],
  ])('refuses %s, and says about it %s', (text, shown) => {
    expect(problemsOf(withToken(text))).toEqual([`${expected}, given ${shown}`]);
  });

  it.each([
    ['URL', 'TOKEN'],
    ['TOKEN', 'URL'],
  ])('refuses a %s without a %s', (given, lacking) => {
    expect(problemsOf({ [`DORA_WOODPECKER_${given}`]: 'https://ci.example.com' })).toEqual([
      `DORA_WOODPECKER_${lacking}: expected one beside DORA_WOODPECKER_${given}, given none`,
    ]);
  });
});

describe('parseConfig on a forge', () => {
  it.each([
    ['https://github.com', 'github'],
    ['https://www.github.com/', 'github'],
    ['https://api.github.com', 'github'],
    ['https://acme.ghe.com', 'github'],
    ['https://gitlab.com', 'gitlab'],
    ['https://codeberg.org', 'forgejo'],
  ])('knows what %s is, and needs no token for it', (text, kind) => {
    const url = text.replace(/\/$/, '');
    expect(configOf({ DORA_FORGE_URL: text }).forge).toEqual({ kind, url, token: null });
  });

  it('prefers the given kind over the kind of the host', () => {
    const env = { DORA_FORGE_URL: 'https://codeberg.org', DORA_FORGE_KIND: 'gitea' };
    expect(configOf(env).forge?.kind).toBe('gitea');
  });

  it.each(['https://git.example.com', 'https://github.com.example.com', 'https://notghe.com'])(
    'requires the kind of %s',
    (url) => {
      expect(problemsOf({ DORA_FORGE_URL: url })).toEqual([
        'DORA_FORGE_KIND: expected one of forgejo, gitea, github, gitlab beside this DORA_FORGE_URL, given none',
      ]);
      expect(problemsOf({ DORA_FORGE_URL: url, DORA_FORGE_KIND: 'forgejo' })).toEqual([]);
    },
  );

  it.each([
    ['DORA_FORGE_TOKEN', 'DORA_FORGE_TOKEN', 'secret-of-the-forge'],
    ['DORA_FORGE_TOKEN', 'DORA_FORGE_TOKEN_FILE', '/run/token'],
    ['DORA_FORGE_KIND', 'DORA_FORGE_KIND', 'gitea'],
  ])('refuses a %s without a URL, given as %s', (name, given, value) => {
    expect(problemsOf({ [given]: value })).toEqual([
      `DORA_FORGE_URL: expected one beside ${name}, given none`,
    ]);
  });
});

describe('parseConfig on secrets', () => {
  it('accepts a file for each secret', () => {
    const [url, token] = ['https://ci.example.com', 'a-token-from-a-file'];
    const forgeUrl = 'https://github.com';
    const names = settings.flatMap(({ name, isSecret }) => (isSecret ? [`${name}_FILE`] : []));
    const env = Object.fromEntries(names.map((name) => [name, '/run/token']));
    const tokens = { adminToken: token, metricsToken: token };
    const secrets = { ...tokens, webhookSecrets: [token], incidentSecrets: [token] };
    const forge = { kind: 'github', url: forgeUrl, token };
    const expected = { ...defaults, ...secrets, woodpecker: { url, token }, forge };
    expect(configOf({ ...env, DORA_WOODPECKER_URL: url, DORA_FORGE_URL: forgeUrl })).toEqual(expected);
  });

  it('warns of secrets that are easy to guess, except those that other servers created', () => {
    const env = {
      DORA_WOODPECKER_URL: 'https://ci.example.com',
      DORA_WOODPECKER_TOKEN: 'short',
      DORA_FORGE_URL: 'https://github.com',
      DORA_FORGE_TOKEN: 'short',
      DORA_WEBHOOK_SECRET: 'long-enough whsec_c2hvcnQ',
      DORA_ADMIN_TOKEN: '1234567',
      DORA_METRICS_TOKEN: '12345678',
    };
    expect(warningsOf(env)).toEqual([
      'DORA_WEBHOOK_SECRET: shorter than 8 characters, which is easy to guess',
      'DORA_ADMIN_TOKEN: shorter than 8 characters, which is easy to guess',
    ]);
  });
});

describe('parseConfig on names that are no settings', () => {
  it('warns and continues, and ignores names of tests and of other programs', () => {
    const ours = { DORA_EXPORTER_PORT: 'tcp://10.0.0.1:3672', DORA_LISTN: ':1', DORA_POLICY_FILE: 'a.yaml' };
    const env = { ...ours, DORA_TEST_SLOW: '1', PATH: '/bin', DORADO: '1' };
    expect(configOf(env)).toEqual(defaults);
    expect(warningsOf(env)).toEqual([
      'DORA_EXPORTER_PORT: not a setting, so it is ignored',
      'DORA_LISTN: not a setting, so it is ignored, did you mean DORA_LISTEN?',
      'DORA_POLICY_FILE: not a setting, so it is ignored, did you mean DORA_POLICY?',
    ]);
  });

  it('warns together with a mistake too, as the name may explain the mistake', () => {
    const env = { DORA_WOODPECKER_URL: 'https://ci.example.com', DORA_WOODPECKER_TOKN: 'hunter22' };
    expect(problemsOf(env)).toHaveLength(1);
    expect(warningsOf(env)).toHaveLength(1);
  });
});

describe('parseDurationSeconds', () => {
  it('reads seconds, minutes, hours and days, and 0 without a unit', () => {
    const seconds = '30s 5m 12h 120d 0 0d 36500d'.split(' ').map((text) => parseDurationSeconds(text));
    expect(seconds).toEqual([30, 300, 43_200, 10_368_000, 0, 0, 3_153_600_000]);
  });

  it.each([...'5 5M d 1.5d -1d 1h30m 1w 36501d'.split(' '), '', ' 5m', '5m\n'])('refuses %j', (text) => {
    expect(parseDurationSeconds(text)).toBeNull();
  });
});
