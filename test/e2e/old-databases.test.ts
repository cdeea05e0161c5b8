import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fallenCounters, parseMetrics, startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { deployments, reportOf } from '../support/reports.ts';

const fixtures = new URL('../fixtures/databases/', import.meta.url);
const versions = readdirSync(fixtures).filter((name) => name.endsWith('.db'));
const migrations = readdirSync(new URL('../../src/store/migrations/', import.meta.url));

describe('databases of older versions', () => {
  it('are kept for every version that there was', () => {
    expect(new Set(versions)).toEqual(new Set(migrations.map((_, index) => `version-${index + 1}.db`)));
  });

  it.each(versions)(
    '%s serves the same figures as when it was written, after any number of starts, and takes in what is new',
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
      const exporter = await startExporter({ DORA_DATABASE: path });
      const before = await exporter.metrics();
      const report = { ...reportOf(13), event: 'push', commit: 'f'.repeat(40), finished: 1_785_000_000 };
      expect((await exporter.post(report)).status).toBe(202);
      const after = await exporter.metrics();
      expect(after.get(deployments)).toBe((before.get(deployments) ?? 0) + 1);
      expect(fallenCounters(before, after)).toEqual([]);
      await exporter.stop();
    },
  );
});
