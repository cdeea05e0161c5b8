import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fallenCounters, type Metrics, startExporter, temporaryFolder } from '../support/exporter-process.ts';

const rounds = 12;
const senders = 16;
const soon = { interval: 1 };

/** A report of an end; every fifth a failure. */
const reportOf = (number: number) => ({
  repo: `acme/repo-${number % 7}`,
  number,
  status: number % 5 === 0 ? 'failure' : 'success',
  event: 'push',
  finished: 1_785_000_000 + number * 60,
});

const total = (metrics: Metrics, name: string): number =>
  [...metrics].reduce((sum, [key, value]) => (key.startsWith(`${name}{`) ? sum + value : sum), 0);

describe('the process killed under load', () => {
  it('has every acknowledged event after the restart, and no counter lower than before', async () => {
    const env = { DORA_DATABASE: join(temporaryFolder(), 'dora.db') };
    const acknowledged: number[] = [];
    let sent = 0;
    let scraped: Metrics = new Map();

    for (let round = 0; round < rounds; round++) {
      const exporter = await startExporter(env);
      const restarted = await exporter.metrics();
      expect(fallenCounters(scraped, restarted)).toEqual([]);
      expect(total(restarted, 'dora_deployments_total')).toBeGreaterThanOrEqual(acknowledged.length);

      let isUp = true;
      const send = async (): Promise<void> => {
        while (isUp) {
          const number = ++sent;
          try {
            const answer = await exporter.post(reportOf(number));
            if (answer.status === 202) acknowledged.push(number);
          } catch {
            isUp = false;
          }
        }
      };
      const scrape = async (): Promise<void> => {
        while (isUp) {
          try {
            scraped = await exporter.metrics();
          } catch {
            isUp = false;
          }
        }
      };
      const load = [scrape(), ...Array.from({ length: senders }, send)];
      // A moment that differs from round to round: amid the first commits, and well into the load.
      const enough = acknowledged.length + 10 + ((round * 97) % 350);
      await expect.poll(() => acknowledged.length, soon).toBeGreaterThanOrEqual(enough);
      await exporter.stop('SIGKILL');
      isUp = false;
      await Promise.all(load);
    }

    const exporter = await startExporter(env);
    const missing: number[] = [];
    const left = [...acknowledged];
    const repeat = async (): Promise<void> => {
      for (let number = left.pop(); number !== undefined; number = left.pop()) {
        const answer = (await (await exporter.post(reportOf(number))).json()) as { result: string };
        if (answer.result !== 'duplicate') missing.push(number);
      }
    };
    await Promise.all(Array.from({ length: senders }, repeat));
    expect(missing).toEqual([]);
    const metrics = await exporter.metrics();
    expect(total(metrics, 'dora_deployments_total')).toBeGreaterThanOrEqual(acknowledged.length);
    expect(total(metrics, 'dora_deployments_total')).toBeLessThanOrEqual(sent);
    expect(total(metrics, 'dora_deployment_failures_total')).toBeGreaterThanOrEqual(
      acknowledged.filter((number) => number % 5 === 0).length,
    );
  });
});
