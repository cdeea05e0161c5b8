import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fallenCounters, parseMetrics, startExporter, temporaryFolder } from '../support/exporter-process.ts';

const fixtures = new URL('../fixtures/databases/', import.meta.url);
const versions = readdirSync(fixtures).filter((name) => name.endsWith('.db'));
const migrations = readdirSync(new URL('../../src/store/migrations/', import.meta.url));

describe('databases of older versions', () => {
  it('are kept for every version that there was', () => {
    expect(new Set(versions)).toEqual(new Set(migrations.map((_, index) => `version-${index + 1}.db`)));
  });

  it.each(versions)(
    '%s serves the same figures as when it was written, after any number of starts',
    async (name) => {
      const path = join(temporaryFolder(), 'dora.db');
      copyFileSync(new URL(name, fixtures), path);
      const written = parseMetrics(readFileSync(new URL(name.replace('.db', '.metrics'), fixtures), 'utf8'));
      expect(written.size).toBeGreaterThan(80);
      for (let start = 0; start < 2; start++) {
        const exporter = await startExporter({ DORA_DATABASE: path });
        const served = await exporter.metrics();
        expect(Object.fromEntries([...written].map(([sample]) => [sample, served.get(sample)]))).toEqual(
          Object.fromEntries(written),
        );
        // What version 1 did not count yet begins at all that is stored: of nine successes, three told their commit's time.
        const of = (metric: string) => served.get(`${metric}{repo="acme/shop",tier="unassigned"}`);
        expect(of('dora_deployment_reworks_total')).toBe(0);
        expect(of('dora_change_lead_time_seconds_count')).toBe(3);
        expect(of('dora_change_lead_time_unknown_total')).toBe(6);
        await exporter.stop();
      }
    },
  );

  it.each(versions)('%s takes in what is new', async (name) => {
    const path = join(temporaryFolder(), 'dora.db');
    copyFileSync(new URL(name, fixtures), path);
    const exporter = await startExporter({ DORA_DATABASE: path });
    const before = await exporter.metrics();
    const report = {
      repo: 'acme/shop',
      number: 13,
      event: 'push',
      status: 'success',
      commit: 'f'.repeat(40),
    };
    expect((await exporter.post({ ...report, finished: 1_785_000_000 })).status).toBe(202);
    const after = await exporter.metrics();
    const deployments = 'dora_deployments_total{repo="acme/shop",tier="unassigned"}';
    expect(after.get(deployments)).toBe((before.get(deployments) ?? 0) + 1);
    expect(fallenCounters(before, after)).toEqual([]);
    await exporter.stop();
  });
});
