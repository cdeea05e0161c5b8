import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { canary, flood, honestRepo, startTarget, type Target, webhookText } from '../../support/attack.ts';
import { type Metrics, temporaryFolder } from '../../support/exporter-process.ts';
import { startFakeWoodpecker } from '../../support/fake-woodpecker.ts';
import { report, withstand } from '../../support/withstand.ts';

const million = 1024 * 1024;
const turnedAway = (metrics: Metrics, kind: string) =>
  metrics.get(`dora_exporter_turned_away_total{kind="${kind}"}`);

describe('names by the thousand, with a secret that has leaked', () => {
  /** A million takes a quarter of an hour, and comes to the same. */
  const names = Number(process.env['DORA_TEST_NAMES'] || 20_000);
  const timeoutMs = 180_000 + names * 4;
  /** So little that garbage is collected often: what is in use afterwards is held. */
  const smallHeap = { NODE_OPTIONS: '--max-old-space-size=64' };
  /** Measured: at most 2, and no trend over hundreds of thousands of names. */
  const mostGrowthMb = 20;
  const heapMb = async (target: Target): Promise<number> =>
    ((await target.metrics()).get('nodejs_heap_size_used_bytes') ?? NaN) / million;
  /** The least of some looks, since some of it is always garbage. */
  const leastHeapMb = async (target: Target): Promise<number> => {
    const seen: number[] = [];
    for (let look = 0; look < 10; look++) seen.push(await heapMb(target));
    return Math.min(...seen);
  };
  /** Waits for the collection of garbage. */
  const expectNothingHeld = (target: Target, heapBefore: number) =>
    expect.poll(async () => (await heapMb(target)) - heapBefore).toBeLessThan(mostGrowthMb);

  it(
    'are turned away where the limit is reached, and leave nothing behind',
    async () => {
      // A tier that does not follow from a repo's name, so that there are repos without a pair.
      const policy = join(temporaryFolder(), 'policy.yaml');
      writeFileSync(policy, 'tiers: [{ tier: production, deploy_to: [production] }]\n');
      const target = await startTarget({ ...smallHeap, DORA_MAX_PAIRS: '500', DORA_POLICY: policy });
      for (const repo of [honestRepo, 'acme/before']) await target.post(report(repo, 1_000_000));
      let turn = 0;
      /** The first have no deployment, nor has each tenth; and each tenth has an id of its own under one name. */
      function* posts(count: number) {
        for (let i = 0; i < count; i++) {
          const name = `acme/${turn++}`;
          if (turn < 250 || i % 10 === 0) yield webhookText(report(name, 1, { event: 'pull_request' }));
          else if (i % 10 === 1)
            yield webhookText(
              JSON.stringify({
                repo: { id: 1000 + turn, full_name: 'acme/same' },
                pipeline: { number: 1, status: 'success', event: 'push', finished: 1_785_000_000 },
              }),
            );
          else yield webhookText(report(name, 1));
        }
      }
      expect(await flood(target.port, posts(5_000))).toEqual(new Map([[202, 5_000]]));
      const [bytes, heap] = [target.databaseBytes(), await leastHeapMb(target)];
      const metrics = await withstand(target, async () => {
        expect(await flood(target.port, posts(names - 5_000))).toEqual(new Map([[202, names - 5_000]]));
      });
      const repos = new Set(
        [...metrics.keys()].map((name) => /^dora_deployments_total\{repo="([^"]*)"/.exec(name)?.[1]),
      );
      expect(repos.size).toBeLessThanOrEqual(501);
      expect(turnedAway(metrics, 'repo')).toBe(names - 498);
      expect(target.databaseBytes() - bytes).toBeLessThan(6 * million);
      await expectNothingHeld(target, heap);
      expect(target.output().match(/turned away/g)).toHaveLength(1);
    },
    timeoutMs,
  );

  it(
    'as hints are turned away at a limit, while Woodpecker hangs and once it answers again',
    async () => {
      const woodpecker = await startFakeWoodpecker();
      onTestFinished(() => woodpecker.close());
      woodpecker.addRepo({ fullName: honestRepo, private: true, access: { alice: 'push' } });
      const target = await startTarget({
        ...smallHeap,
        DORA_WOODPECKER_URL: woodpecker.url,
        DORA_WOODPECKER_TOKEN: woodpecker.userToken,
      });
      await expect.poll(async () => (await fetch(`${target.url}/readyz`)).status).toBe(200);
      await expect.poll(() => woodpecker.streams.openCount).toBe(1);
      const total = `dora_deployments_total{repo="${honestRepo}",tier="unassigned"}`;
      const deployments = async () => (await target.metrics()).get(total);
      await expect.poll(deployments).toBe(0);
      let turn = 0;
      function* hints(count: number) {
        for (let i = 0; i < count; i++) yield webhookText(report(`acme/${canary}-${turn++}`, 1 + i));
      }
      const fault = woodpecker.fault({
        match: (request) => !request.path.includes('stream'),
        answer: 'hang',
      });
      expect(await flood(target.port, hints(12_000))).toEqual(new Map([[202, 12_000]]));
      const [bytes, heap] = [target.databaseBytes(), await leastHeapMb(target)];

      const metrics = await withstand(
        target,
        async () => {
          const flooding = flood(target.port, hints(names - 12_000));
          woodpecker.runPipeline(honestRepo);
          await expect.poll(deployments).toBe(1);
          expect(await flooding).toEqual(new Map([[202, names - 12_000]]));
        },
        { areHints: true },
      );

      expect(metrics.get('dora_exporter_following')).toBe(10_000);
      expect(turnedAway(metrics, 'hint')).toBeGreaterThanOrEqual(names - 10_000);
      expect(target.databaseBytes() - bytes).toBeLessThan(6 * million);
      await expectNothingHeld(target, heap);
      // What nobody knows is asked for once, and forgotten.
      fault.clear();
      await woodpecker.restart();
      const following = async () => (await target.metrics()).get('dora_exporter_following') ?? 0;
      await expect.poll(following).toBeLessThan(10_000);
    },
    timeoutMs,
  );
});
