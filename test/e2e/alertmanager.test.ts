import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defaultPolicy } from '../../src/core/policy.ts';
import { parseDurationSeconds } from '../../src/util/duration.ts';
import { receiverPath, startAlertmanager } from '../support/alertmanager-process.ts';
import { type ExporterProcess, startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { requireProgram } from '../support/requirement.ts';

interface ListedIncident {
  readonly id: string;
  readonly started: string;
  readonly resolved: string | null;
}

const policy = `tiers:
  - { tier: production, deploy_to: [production] }
incidents:
  rules:
    - { labels: { severity: page }, repo: "acme/{{service}}", tier: production }
`;

async function incidentsOf({ url }: ExporterProcess): Promise<readonly ListedIncident[]> {
  const answer = await fetch(`${url}/api/incidents`);
  return ((await answer.json()) as { readonly incidents: readonly ListedIncident[] }).incidents;
}

/** Open incidents and all incidents of a repo's production, as `/metrics` has them. */
async function countsOf(exporter: ExporterProcess, repo: string) {
  const metrics = await exporter.metrics();
  const of = (name: string) => metrics.get(`${name}{repo="${repo}",tier="production"}`);
  return [of('dora_incidents_open'), of('dora_incidents_total')];
}

/** What the incident does to the shop's last deployment. */
async function failureOf(exporter: ExporterProcess) {
  const metrics = await exporter.metrics();
  const pair = '{repo="acme/shop",tier="production"}';
  const of = (name: string) => metrics.get(`${name}${pair}`);
  return {
    byIncident: metrics.get(
      'dora_deployment_failures_by_cause_total{repo="acme/shop",tier="production",cause="incident"}',
    ),
    failures: of('dora_deployment_failures_total'),
    failingSince: of('dora_deployment_failing_since_timestamp'),
    recoveries: of('dora_deployment_recovery_time_seconds_count'),
    seconds: of('dora_deployment_recovery_time_seconds_sum'),
  };
}

const toTime = (seconds: number) => new Date(seconds * 1000).toISOString();
const withoutFraction = (time: string) => time.replace(/\.000Z$/, 'Z');

describe('the receiver to paste into Alertmanager', () => {
  it('passes the check of its own tool', ({ skip }) => {
    const amtool = requireProgram('amtool', skip);
    const output = execFileSync(amtool, ['check-config', receiverPath], { encoding: 'utf8' });
    expect(output).toContain('SUCCESS');
    expect(output).toContain(' - 2 receivers');
  });

  it('repeats an alert before the exporter takes it for stale', () => {
    const { route } = parse(readFileSync(receiverPath, 'utf8'));
    const repeat = parseDurationSeconds(route.routes[0].repeat_interval);
    expect(repeat).toBeGreaterThan(0);
    expect(repeat).toBeLessThan(defaultPolicy.incidents.staleSeconds);
  });
});

describe('a real Alertmanager', () => {
  it('tells the process of alerts: a deployment fails while one fires, and recovers once it is resolved', async ({
    skip,
  }) => {
    const program = requireProgram('prometheus-alertmanager', skip);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'policy.yaml'), policy);
    const env = { DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: join(folder, 'policy.yaml') };
    const exporter = await startExporter(env);
    const alertmanager = await startAlertmanager(program, exporter.url);
    const now = Math.floor(Date.now() / 1000);
    for (const repo of ['acme/shop', 'acme/api']) {
      const deployment = { repo, number: 1, status: 'success', event: 'deployment', deploy_to: 'production' };
      expect((await exporter.post({ ...deployment, finished: now - 1200 })).status).toBe(202);
    }
    await expect.poll(() => countsOf(exporter, 'acme/shop')).toEqual([undefined, undefined]);

    const labels = {
      alertname: 'CheckoutFails',
      severity: 'critical',
      dora_repo: 'acme/shop',
      dora_tier: 'production',
    };
    const firing = {
      labels,
      annotations: { summary: 'Checkout fails' },
      startsAt: toTime(now - 600),
      generatorURL: 'http://prometheus.example.com/graph',
    };
    const mapped = {
      labels: { alertname: 'ApiDown', severity: 'page', service: 'api' },
      startsAt: toTime(now - 300),
    };
    const own = { ...firing, labels: { ...labels, alertname: 'DoraDeploymentFailing', dora_own: 'true' } };
    const mild = { ...firing, labels: { ...labels, severity: 'info' } };
    const post = async (...alerts: Parameters<typeof alertmanager.post>[0]) => {
      try {
        await alertmanager.post(alerts);
        return 'taken';
      } catch (error) {
        return String(error);
      }
    };
    await expect.poll(() => post(firing, mapped, own, mild), { interval: 300 }).toBe('taken');

    await expect.poll(async () => (await incidentsOf(exporter)).length).toBe(2);
    expect(await incidentsOf(exporter)).toMatchObject([
      { repo: 'acme/api', tier: 'production', started: withoutFraction(mapped.startsAt), resolved: null },
      {
        kind: 'alert',
        repo: 'acme/shop',
        tier: 'production',
        known: true,
        started: withoutFraction(firing.startsAt),
        resolved: null,
        stale: false,
        title: 'Checkout fails',
        url: firing.generatorURL,
      },
    ]);
    await expect.poll(() => countsOf(exporter, 'acme/shop')).toEqual([1, 1]);
    await expect.poll(() => countsOf(exporter, 'acme/api')).toEqual([1, 1]);
    const failing = { byIncident: 1, failures: 1, failingSince: now - 1200, recoveries: 0, seconds: 0 };
    await expect.poll(() => failureOf(exporter)).toEqual(failing);

    const endsAt = toTime(now - 60);
    expect(await post({ ...firing, endsAt })).toBe('taken');
    const resolved = async () => (await incidentsOf(exporter)).map((incident) => incident.resolved);
    await expect.poll(resolved).toEqual([null, withoutFraction(endsAt)]);
    await expect.poll(() => countsOf(exporter, 'acme/shop')).toEqual([undefined, 1]);
    await expect.poll(() => countsOf(exporter, 'acme/api')).toEqual([1, 1]);
    const recovered = { byIncident: 1, failures: 1, failingSince: 0, recoveries: 1, seconds: 1140 };
    await expect.poll(() => failureOf(exporter)).toEqual(recovered);

    await exporter.stop();
    const restarted = await startExporter(env);
    expect(await incidentsOf(restarted)).toMatchObject([
      { started: withoutFraction(mapped.startsAt), resolved: null },
      { started: withoutFraction(firing.startsAt), resolved: withoutFraction(endsAt) },
    ]);
    expect(await countsOf(restarted, 'acme/shop')).toEqual([undefined, 1]);
    expect(await failureOf(restarted)).toEqual(recovered);
    await restarted.stop();
  });
});
