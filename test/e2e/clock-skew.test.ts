import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';

const hour = 3600;
const nowSeconds = () => Math.floor(Date.now() / 1000);

it('says that Woodpecker’s clock is an hour ahead, and shows its ends at our time, after a restart too', async () => {
  await using woodpecker = await startFakeWoodpecker({ now: () => nowSeconds() + hour });
  woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
  const { finished } = woodpecker.addPipeline('acme/shop', { status: 'success' });
  const env = {
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
  };
  const lastSuccess = 'dora_deployment_last_success_timestamp{repo="acme/shop",tier="unassigned"}';
  const shown: (number | undefined)[] = [];
  for (let start = 0; start < 2; start++) {
    const exporter = await startExporter(env);
    await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
    const metrics = await exporter.metrics();
    const skew = metrics.get('dora_exporter_clock_skew_seconds') ?? 0;
    // Dates are whole seconds.
    expect(Math.abs(skew - hour)).toBeLessThanOrEqual(1);
    expect(metrics.get(lastSuccess)).toBe(finished - skew);
    shown.push(metrics.get(lastSuccess));
    const trouble = `Woodpecker's clock is ${skew} s ahead of ours`;
    expect(exporter.output()).toContain(trouble);
    const page = await (await fetch(`${exporter.url}/operations`)).text();
    expect(page.replaceAll('&#39;', "'")).toContain(trouble);
    await exporter.stop();
  }
  expect(shown[1]).toBe(shown[0]);
});
