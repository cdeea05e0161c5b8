import { describe, expect, it } from 'vitest';
import { startAlertmanager } from '../support/alertmanager-process.ts';
import { type ExporterProcess, startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { requireProgram } from '../support/requirement.ts';

interface ListedIncident {
  readonly id: string;
  readonly started: string;
  readonly resolved: string | null;
}

async function incidentsOf({ url }: ExporterProcess): Promise<readonly ListedIncident[]> {
  const answer = await fetch(`${url}/api/incidents`);
  return ((await answer.json()) as { readonly incidents: readonly ListedIncident[] }).incidents;
}

const toTime = (seconds: number) => new Date(seconds * 1000).toISOString();
const withoutFraction = (time: string) => time.replace(/\.000Z$/, 'Z');

describe('a real Alertmanager', () => {
  it('tells the process of an alert that fires, and then that it is resolved', async ({ skip }) => {
    const program = requireProgram('prometheus-alertmanager', skip);
    const env = { DORA_DATABASE: `${temporaryFolder()}/dora.db` };
    const exporter = await startExporter(env);
    const alertmanager = await startAlertmanager(program, exporter.url);
    const now = Math.floor(Date.now() / 1000);
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
    await expect.poll(() => post(firing, own, mild), { timeout: 30_000, interval: 300 }).toBe('taken');

    await expect.poll(async () => (await incidentsOf(exporter)).length, { timeout: 30_000 }).toBe(1);
    expect(await incidentsOf(exporter)).toMatchObject([
      {
        kind: 'alert',
        repo: 'acme/shop',
        tier: 'production',
        known: false,
        started: withoutFraction(firing.startsAt),
        resolved: null,
        stale: false,
        title: 'Checkout fails',
        url: firing.generatorURL,
      },
    ]);

    const endsAt = toTime(now - 60);
    expect(await post({ ...firing, endsAt })).toBe('taken');
    const resolved = async () => (await incidentsOf(exporter)).map((incident) => incident.resolved);
    await expect.poll(resolved, { timeout: 30_000 }).toEqual([withoutFraction(endsAt)]);

    await exporter.stop();
    const restarted = await startExporter(env);
    expect(await incidentsOf(restarted)).toMatchObject([
      { started: withoutFraction(firing.startsAt), resolved: withoutFraction(endsAt) },
    ]);
    await restarted.stop();
  });
});
