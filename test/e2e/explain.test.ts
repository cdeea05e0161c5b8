import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { ExplanationJson } from '../../src/http/explanation-schemas.ts';
import type { DoraJson } from '../../src/http/schemas.ts';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';

const hour = 3600;
const day = 24 * hour;

describe('an explanation by the real process', () => {
  it('leads from a figure of /metrics to the pipelines in Woodpecker, before and after a restart', async () => {
    await using woodpecker = await startFakeWoodpecker();
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    const now = Math.floor(Date.now() / 1000);
    const ended = (status: 'success' | 'failure', daysAgo: number, told: object = {}) =>
      woodpecker.addPipeline(repo, {
        status,
        created: now - daysAgo * day - 60,
        started: now - daysAgo * day - 50,
        finished: now - daysAgo * day,
        ...told,
      });
    ended('failure', 45);
    ended('success', 29);
    ended('success', 20, { event: 'pull_request' });
    ended('failure', 5);
    ended('failure', 4);
    ended('success', 3);
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'policy.yaml'), 'lead_time: {fallback: created}\n');
    const env = {
      DORA_DATABASE: join(folder, 'dora.db'),
      DORA_POLICY: join(folder, 'policy.yaml'),
      DORA_METRICS_TOKEN: 'reader',
      DORA_METRICS_LISTEN: '127.0.0.1:0',
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    };
    const headers = { authorization: 'Bearer reader' };

    for (const life of ['first', 'second']) {
      const exporter = await startExporter(env);
      await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
      const get = (path: string) => fetch(`${exporter.metricsUrl}${path}`, { headers });
      const query = 'repo=acme/shop&tier=unassigned&window=30d';
      const explanation = (await (await get(`/api/explain?${query}`)).json()) as ExplanationJson;
      expect([life, explanation.figures]).toMatchObject([
        life,
        {
          deployments: 4,
          failed_deployments: 2,
          change_fail_rate: 0.5,
          change_lead_time_seconds: { samples: 2, median: 60, p95: 60 },
          failed_deployment_recovery_time_seconds: { samples: 2, median: 9 * day },
          coverage_ratio: 1,
        },
      ]);
      const url = (number: number) => `${woodpecker.url}/repos/${repo.id}/pipeline/${number}`;
      expect(
        explanation.pipelines.map((one) => [one.url, one.counted ? one.episode.kind : one.reason]),
      ).toEqual([
        [url(6), 'closed'],
        [url(5), 'continued'],
        [url(4), 'opened'],
        [url(3), 'pull_request'],
        [url(2), 'closed'],
      ]);
      const metrics = await (await get('/metrics')).text();
      const labels = '{repo="acme/shop",tier="unassigned",window="30d"';
      expect(metrics).toContain(`dora_window_deployments${labels}} 4\n`);
      expect(metrics).toContain(`dora_window_recovery_time_seconds${labels},quantile="0.5"} ${9 * day}\n`);

      const dora = (await (await get('/api/dora?window=30d')).json()) as z.infer<typeof DoraJson>;
      expect(dora.pairs).toMatchObject([
        { repo: 'acme/shop', tier: 'unassigned', figures: explanation.figures },
      ]);
      expect(dora.pairs[0]?.score).toMatchObject({
        missing: [],
        overall: (10 + 4 + 4 + 5 + 10) / 5,
      });
      const page = await (await get(`/explain?${query}`)).text();
      expect(page).toContain(`<a href="${url(6)}">#6</a>`);
      expect((await fetch(`${exporter.metricsUrl}/api/explain?${query}`)).status).toBe(401);
      expect((await fetch(`${exporter.url}/api/explain?${query}`, { headers })).status).toBe(404);
      expect((await exporter.stop()).code).toBe(0);
    }
  });
});
