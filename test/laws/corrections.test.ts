import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { State } from '../../src/core/series/state.ts';
import { anyDeliveries, anyStories, daySeconds, epoch } from '../support/histories.ts';
import { createLedgerWatch } from '../support/ledger-watch.ts';
import { rulesByTarget } from '../support/oracle.ts';
import { runs } from '../support/runs.ts';
import { createWorld } from '../support/world.ts';

/**
 * Reports, for each state that it is given, every value that is lower than before, and every part that exceeds its
 * whole.
 */
function createWatch(): (state: State) => string[] {
  const watchLedger = createLedgerWatch();
  return (state) => {
    const wrong = watchLedger(state);
    for (const [key, { totals }] of state.pairs) {
      const deployments = totals.counters['dora_deployments_total'] ?? 0;
      const failures = totals.counters['dora_deployment_failures_total'] ?? 0;
      if (failures > deployments) wrong.push(`${key}: ${failures} failures of ${deployments} deployments`);
      for (const [name, { counts }] of Object.entries(totals.histograms)) {
        const count = counts.reduce((sum, inBucket) => sum + inBucket, 0);
        if (count > deployments) wrong.push(`${key}: ${count} in ${name} of ${deployments} deployments`);
      }
    }
    return wrong;
  };
}

const anyCorrectedStories = () => anyStories({ corrections: true, reports: true });

describe('while reports of pipelines are corrected, counters and histograms', () => {
  it('never fall, and failures never exceed deployments, after any live report', async () => {
    const anyCase = anyCorrectedStories().chain((stories) =>
      anyDeliveries(stories, { origins: ['live'], nexts: ['join', 'commit', 'commit', 'restart'] }),
    );
    await fc.assert(
      fc.asyncProperty(anyCase, async (deliveries) => {
        const world = await createWorld({ mode: { policy: rulesByTarget.policy, canAsk: false } });
        const watch = createWatch();
        await world.play(deliveries, (state) => expect(watch(state)).toEqual([]));
        expect(watch(world.state)).toEqual([]);
      }),
      { numRuns: runs(250) },
    );
  });

  it('never fall, and failures never exceed deployments, after any live report or scan', async () => {
    const anyCase = anyStories({ corrections: true }).chain((stories) =>
      anyDeliveries(stories, { origins: ['live', 'scan'], nexts: ['join', 'commit', 'restart', 'release'] }),
    );
    await fc.assert(
      fc.asyncProperty(anyCase, async (deliveries) => {
        const world = await createWorld({
          mode: { policy: rulesByTarget.policy, canAsk: true },
          horizon: epoch + 90 * daySeconds,
        });
        const watch = createWatch();
        await world.play(deliveries, (state) => expect(watch(state)).toEqual([]));
        for (const { facts } of deliveries) await world.release(facts.woodpeckerId, epoch + 90 * daySeconds);
        expect(watch(world.state)).toEqual([]);
      }),
      { numRuns: runs(250) },
    );
  });

  it('contain every deployment at the end, and each pipeline at most once', async () => {
    const anyCase = anyStories({ corrections: true }).chain((stories) =>
      fc.record({
        stories: fc.constant(stories),
        deliveries: anyDeliveries(stories, { origins: ['live'], nexts: ['join', 'commit', 'restart'] }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(anyCase, async ({ stories, deliveries }) => {
        // Excludes earlier pipelines with the same number: each of them is a pipeline of its own.
        const present = new Set(
          stories.map(({ facts, number, observations }) => {
            const id = Math.max(...observations.map((record) => record.id));
            return `${facts.woodpeckerId} ${number} ${id}`;
          }),
        );
        const world = await createWorld({ mode: { policy: rulesByTarget.policy, canAsk: false } });
        await world.play(
          deliveries.filter(({ facts, record }) =>
            present.has(`${facts.woodpeckerId} ${record.number} ${record.id}`),
          ),
        );
        const pairs = [...world.state.pairs.values()];
        const counted = pairs.reduce(
          (sum, { totals }) => sum + (totals.counters['dora_deployments_total'] ?? 0),
          0,
        );
        const known = [...world.state.timelines.values()].reduce((sum, { recent }) => sum + recent.length, 0);
        expect(counted).toBeGreaterThanOrEqual(known);
        expect(counted).toBeLessThanOrEqual(stories.length);
      }),
      { numRuns: runs(150) },
    );
  });
});
