import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createState } from '../../src/core/series/state.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { deliver } from '../support/deliver.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';

const now = 1_785_500_000;
const modeOf = (tier: string) => ({ policy: aPolicy({ tiers: [{ tier }] }), canAsk: false });
const success = (number: number) => aRecord({ number, finishedAt: now - 100 + number, updatedAt: now });

/** More than an adoption for one repo has. */
const mostTransactions = 12;

describe('a report that arrives while a policy is adopted', () => {
  /** Adopts a policy for one repo, and submits a report at the end of its transaction `place`. */
  async function adoptWithReportAfter(place: number, fullName: string) {
    const inner = openMemoryStore();
    let transactions = Number.NEGATIVE_INFINITY;
    let report: Promise<unknown> | null = null;
    const store: Store = {
      ...inner,
      async transact(work) {
        const result = await inner.transact(work);
        if (++transactions !== place) return result;
        report = deliver(ingest, someFacts({ woodpeckerId: fullName.length, fullName }), success(2));
        // The report now waits for its turn, which is before the adoption's next transaction.
        for (let turn = 0; turn < 5; turn++) await nextTurn();
        return result;
      },
    };
    const ingest = createIngest({
      store,
      state: createState(),
      mode: modeOf('production'),
      clock: createFakeClock(now),
    });
    const shop = someFacts({ woodpeckerId: 'acme/shop'.length, fullName: 'acme/shop' });
    await deliver(ingest, shop, success(1));
    transactions = 0;
    await ingest.adopt(modeOf('live'));
    await report;
    const counted = [...ingest.state.pairs.values()].flatMap(({ repo, tier, totals }) =>
      tier === 'live'
        ? [[ingest.state.repos.get(repo)?.fullName, totals.counters['dora_deployments_total']]]
        : [],
    );
    return { hasArrived: report !== null, counted };
  }

  it.each([
    ['acme/shop', [['acme/shop', 2]]],
    [
      'acme/website',
      [
        ['acme/shop', 1],
        ['acme/website', 1],
      ],
    ],
  ])('counts under the new policy, whenever it arrives: of %s', async (fullName, expected) => {
    let arrived = 0;
    for (let place = 1; place <= mostTransactions; place++) {
      const { hasArrived, counted } = await adoptWithReportAfter(place, fullName);
      if (!hasArrived) continue;
      arrived++;
      expect([place, counted]).toEqual([place, expected]);
    }
    expect(arrived).toBeGreaterThan(3);
    expect(arrived).toBeLessThan(mostTransactions);
  });
});

it('a series that returns has the totals with which it left', async () => {
  const ingest = createIngest({
    store: openMemoryStore(),
    state: createState(),
    mode: modeOf('production'),
    clock: createFakeClock(now),
  });
  const totals = () =>
    [...ingest.state.pairs.values()].map(({ tier, isKnown, totals: { counters } }) => [
      tier,
      isKnown,
      counters['dora_deployments_total'],
    ]);
  await deliver(ingest, someFacts(), success(1));
  await ingest.adopt(modeOf('live'));
  await deliver(ingest, someFacts(), success(2));
  await ingest.adopt(modeOf('production'));
  expect(totals()).toEqual([
    ['production', true, 1],
    ['live', false, 2],
  ]);
  await deliver(ingest, someFacts(), success(3));
  expect(totals()).toEqual([
    ['production', true, 2],
    ['live', false, 2],
  ]);
});
