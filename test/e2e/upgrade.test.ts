import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ExporterProcess,
  type Metrics,
  parseMetrics,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { commitOf, fillUpgradeHistory, firstDeployment } from '../support/upgrade-history.ts';

const fixtures = new URL('../fixtures/', import.meta.url).pathname;
const upgrade = join(fixtures, 'upgrade');
const databases = join(fixtures, 'databases');
const day = 86_400;
const hour = 3600;

const isCounterOrHistogram = ([sample]: readonly [string, number]) =>
  /^dora_(deployment|change|incident)\w*(_total|_bucket|_count|_sum)\{/.test(sample);

/** Counters and histograms that differ from what was recorded, those that are gone included. */
function changesFrom(recorded: Metrics, served: Metrics): string[] {
  return [...recorded]
    .filter(isCounterOrHistogram)
    .filter(([sample, value]) => served.get(sample) !== value)
    .map(([sample, value]) => `${sample}: ${value} -> ${served.get(sample)}`);
}

const readRecorded = (path: string) => parseMetrics(readFileSync(path, 'utf8'));

/** Starts the service on a copy of a database, with a policy. */
async function startOn(database: string, policy: string, more: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  const env = { ...more, DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: join(folder, 'policy.yaml') };
  copyFileSync(database, env.DORA_DATABASE);
  writeFileSync(env.DORA_POLICY, policy);
  return { env, exporter: await startExporter(env) };
}

/** Values of a metric by the label that is asked for, of one repo and tier. */
function byLabel(metrics: Metrics, name: string, place: string, label: string): Record<string, number> {
  const found = [...metrics].flatMap(([sample, value]) => {
    const isAsked = sample.startsWith(`${name}{`) && sample.includes(place);
    const key = new RegExp(`[{,]${label}="([^"]*)"`).exec(sample)?.[1];
    return isAsked && key !== undefined ? [[key, value] as const] : [];
  });
  return Object.fromEntries(found);
}

/** Two deployments of the shop after those in the database from before causes: a new commit, and back to the one before. */
async function goForwardAndBack(exporter: ExporterProcess): Promise<void> {
  const report = { repo: 'acme/shop', status: 'success', event: 'deployment', deploy_to: 'production' };
  for (const [number, commit, finished] of [
    [18, commitOf(77), firstDeployment + 12 * day],
    [19, commitOf(10), firstDeployment + 12 * day + hour],
  ]) {
    const answer = await exporter.post({ ...report, branch: 'main', number, commit, finished });
    expect([answer.status, await answer.json()]).toEqual([202, { result: 'stored' }]);
  }
}

const failuresByCause = 'dora_deployment_failures_by_cause_total';
const hasCauses = async (exporter: ExporterProcess) =>
  [...(await exporter.metrics()).keys()].some((sample) => sample.startsWith(failuresByCause));

const policy = readFileSync(join(upgrade, 'policy.yaml'), 'utf8');
const production = 'repo="acme/shop",tier="production"';
const staging = 'repo="acme/shop",tier="staging"';
const site = 'repo="acme/site",tier="unassigned"';

/** The simulated Woodpecker that the database was written beside, as settings. */
async function startWoodpecker(): Promise<Record<string, string>> {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  fillUpgradeHistory(woodpecker);
  return { DORA_WOODPECKER_URL: woodpecker.url, DORA_WOODPECKER_TOKEN: woodpecker.userToken };
}

const away = { DORA_WOODPECKER_URL: 'http://127.0.0.1:1', DORA_WOODPECKER_TOKEN: 'token' };

describe.each([
  ['without a Woodpecker', 'webhook-only', async () => ({})],
  ['beside its Woodpecker', 'with-woodpecker', startWoodpecker],
  ['while its Woodpecker is away', 'with-woodpecker', async () => away],
] as const)('an upgrade %s, of a database from before causes', (_, name, settings) => {
  const database = join(upgrade, `${name}.db`);
  const recorded = readRecorded(join(upgrade, `${name}.metrics`));

  it('changes no counter and no histogram, in the first scrape and later', async () => {
    expect([...recorded].filter(isCounterOrHistogram).length).toBeGreaterThan(60);
    const { env, exporter } = await startOn(database, policy, await settings());
    expect(changesFrom(recorded, await exporter.metrics())).toEqual([]);
    await expect.poll(() => hasCauses(exporter)).toBe(true);
    expect(changesFrom(recorded, await exporter.metrics())).toEqual([]);
    await exporter.stop();

    const restarted = await startExporter(env);
    if (settings === startWoodpecker) {
      await expect.poll(async () => (await fetch(`${restarted.url}/readyz`)).status).toBe(200);
    }
    await expect.poll(() => hasCauses(restarted)).toBe(true);
    expect(changesFrom(recorded, await restarted.metrics())).toEqual([]);
    await restarted.stop();
  });

  it('begins the counters by cause at all that is stored, and shows in the windows what was found', async () => {
    const { exporter } = await startOn(database, policy, await settings());
    await expect.poll(() => hasCauses(exporter)).toBe(true);
    const metrics = await exporter.metrics();
    const countedOf = (place: string) => byLabel(metrics, failuresByCause, place, 'cause');
    expect(countedOf(production)).toEqual({ pipeline: 1, rollback: 1, fix: 2, incident: 1, operator: 1 });
    expect(countedOf(staging)).toEqual({ pipeline: 1, rollback: 1, fix: 0, incident: 0, operator: 0 });
    expect(countedOf(site)).toEqual({ pipeline: 0, operator: 0 });
    const shownOf = (place: string) =>
      byLabel(metrics, 'dora_window_failed_deployments_by_cause', place, 'cause');
    expect(shownOf(production)).toEqual({ pipeline: 1, rollback: 1, fix: 2, incident: 1, operator: 1 });
    expect(shownOf(staging)).toEqual({ pipeline: 1, rollback: 1 });
    expect(shownOf(site)).toEqual({});

    const windowOf = (place: string, served: Metrics) => ({
      deployments: served.get(`dora_window_deployments{${place},window="36500d"}`),
      failed: served.get(`dora_window_failed_deployments{${place},window="36500d"}`),
      reworks: served.get(`dora_window_rework_deployments{${place},window="36500d"}`),
      recoveries: served.get(`dora_window_recovery_time_samples{${place},window="36500d"}`),
    });
    expect([windowOf(production, recorded), windowOf(production, metrics)]).toEqual([
      { deployments: 11, failed: 1, reworks: 2, recoveries: 1 },
      { deployments: 11, failed: 6, reworks: 3, recoveries: 6 },
    ]);
    expect([windowOf(staging, recorded), windowOf(staging, metrics)]).toEqual([
      { deployments: 5, failed: 1, reworks: 0, recoveries: 1 },
      { deployments: 5, failed: 2, reworks: 1, recoveries: 2 },
    ]);
    expect(windowOf(site, metrics)).toEqual({ deployments: 3, failed: 0, reworks: 0, recoveries: 0 });
    expect(windowOf(site, recorded)).toEqual(windowOf(site, metrics));
    await exporter.stop();
  });
});

describe('after an upgrade of a database from before causes', () => {
  const database = join(upgrade, 'webhook-only.db');
  const recorded = readRecorded(join(upgrade, 'webhook-only.metrics'));

  it('counts on with what is new: a rollback, and nothing that was there before', async () => {
    const { exporter } = await startOn(database, policy);
    await expect.poll(() => hasCauses(exporter)).toBe(true);
    await goForwardAndBack(exporter);
    const metrics = await exporter.metrics();
    const of = (name: string) => metrics.get(`${name}{${production}}`);
    expect({
      deployments: of('dora_deployments_total'),
      failures: of('dora_deployment_failures_total'),
      reworks: of('dora_deployment_reworks_total'),
      recoveries: of('dora_deployment_recovery_time_seconds_count'),
      seconds: of('dora_deployment_recovery_time_seconds_sum'),
    }).toEqual({ deployments: 13, failures: 2, reworks: 3, recoveries: 2, seconds: 7200 });
    expect(byLabel(metrics, failuresByCause, production, 'cause')).toEqual({
      pipeline: 1,
      rollback: 2,
      fix: 2,
      incident: 1,
      operator: 1,
    });
    await exporter.stop();
  });

  it('changes no counter and no histogram together with a changed policy', async () => {
    const { exporter } = await startOn(
      database,
      policy.replace('[36500d]', '[7d]\nrework: { message: [^feat] }'),
    );
    await expect.poll(() => hasCauses(exporter)).toBe(true);
    expect(changesFrom(recorded, await exporter.metrics())).toEqual([]);
    await exporter.stop();
  });
});

describe('causes that are looked for later', () => {
  it('change no counter and no histogram, as they are switched on or off', async () => {
    const off = `${policy}failures: { rollback: null, fix: { linked: null, rule: null }, incident: null }\n`;
    const { env, exporter } = await startOn(join(upgrade, 'webhook-only.db'), off);
    const failed = 'dora_window_failed_deployments{repo="acme/shop",tier="production",window="36500d"}';
    await expect.poll(async () => (await exporter.metrics()).get(failed)).toBe(2);
    await goForwardAndBack(exporter);
    const before = await exporter.metrics();
    await exporter.stop();

    for (const [text, failures] of [
      [policy, 7],
      [off, 2],
      [policy, 7],
    ] as const) {
      writeFileSync(env.DORA_POLICY, text);
      const again = await startExporter(env);
      await expect.poll(async () => (await again.metrics()).get(failed)).toBe(failures);
      const known = new Map([...before].filter(([sample]) => !sample.startsWith(failuresByCause)));
      expect(changesFrom(known, await again.metrics())).toEqual([]);
      await again.stop();
    }
  });
});

const policies: readonly [name: string, text: string][] = [
  ['names the tier that there was', 'tiers: [{ tier: unassigned, repos: ["*"] }]\n'],
  [
    'names a new tier, and looks for causes everywhere',
    'tiers: [{ tier: production, deploy_to: [production] }]\nfailures: { tiers: ["*"] }\n',
  ],
];

describe('an upgrade of an older database', () => {
  const names = readdirSync(databases).filter((name) => name.endsWith('.db'));

  it.each(policies)('changes no counter and no histogram under a policy that %s', async (_, policy) => {
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      const recorded = readRecorded(join(databases, name.replace('.db', '.metrics')));
      const { exporter } = await startOn(join(databases, name), policy);
      expect(changesFrom(recorded, await exporter.metrics()), name).toEqual([]);
      await expect.poll(() => hasCauses(exporter), { message: name }).toBe(true);
      expect(changesFrom(recorded, await exporter.metrics()), name).toEqual([]);
      await exporter.stop();
    }
  });
});
