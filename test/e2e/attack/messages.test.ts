import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startExporter } from '../../support/exporter-process.ts';

const cases = new URL('../../fixtures/cases/', import.meta.url);
const event = JSON.parse(readFileSync(new URL('slow-regex-event.json', cases), 'utf8'));

describe('messages of commits', () => {
  it('cannot hold up the process, whatever pattern the policy has for them', async () => {
    const policy = new URL('slow-regex-policy.yaml', cases).pathname;
    const exporter = await startExporter({ DORA_DATABASE: ':memory:', DORA_POLICY: policy });
    const post = async (number: number, message: string) => {
      const pipeline = { ...event.pipeline, id: number, number, message };
      return (await exporter.post({ repo: event.repo, pipeline })).status;
    };

    expect(await post(1, event.pipeline.message)).toBe(202);
    expect(await post(2, 'a'.repeat(5000))).toBe(202);
    expect(await post(3, 'a '.repeat(5000))).toBe(202);
    expect(await post(4, 'Refactor then revert')).toBe(202);

    const metrics = await exporter.metrics();
    const pair = '{repo="acme/shop",tier="unassigned"}';
    expect(metrics.get(`dora_deployments_total${pair}`)).toBe(4);
    expect(metrics.get(`dora_deployment_reworks_total${pair}`)).toBe(1);
    expect(await exporter.stop()).toEqual({ code: 0, signal: null });
  });
});
