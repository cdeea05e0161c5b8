/**
 * The deployments contract from end to end: after any history, in any order of arrival, store and state give the values
 * of the contract's oracle, for now and for every time in the past.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retainedSeconds } from '../../src/core/policy.ts';
import { type History, histories } from '../support/deployments-histories.ts';
import { createLedgerOracle, happeningsOf, ledgerOf, worldAfter } from '../support/deployments-ledger.ts';
import { figuresAt } from '../support/deployments-oracle.ts';
import {
  anyTellings,
  judgeAgain,
  lastEndOf,
  policyOf,
  type Telling,
  tell,
  tellTogether,
  underPolicy,
  withCommitMessages,
} from '../support/deployments-play.ts';
import {
  expectedAt,
  expectedExplained,
  expectedOfPast,
  expectedShared,
  explainedAt,
  shownAt,
  shownNow,
} from '../support/deployments-shown.ts';
import { project } from '../support/projected.ts';
import { runs } from '../support/runs.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld, type StoreHost, snapshotOf, type World } from '../support/world.ts';

const anyBook = histories({ pipelines: 10 })
  .map(withCommitMessages)
  .chain((history) =>
    fc.record({ history: fc.constant(history), restarts: fc.uniqueArray(fc.nat(20), { maxLength: 3 }) }),
  );

/** Times between two events, since the passing of time alone may change values. */
function momentsBetween(from: number, to: number): number[] {
  const hours = Math.min(48, Math.floor((to - from - 1) / 3_600));
  return Array.from({ length: Math.max(0, hours) }, (_, hour) => from + (hour + 1) * 3_600);
}

const ledgersOf = ({ state }: World) =>
  Object.fromEntries(
    project(state)
      .map(({ repo, tier, totals }) => [`${repo} ${tier}`, ledgerOf(totals)] as const)
      .filter(([, { deployments }]) => deployments > 0),
  );

interface Case {
  readonly history: History;
  readonly tellings: readonly Telling[];
}

const anyCase = histories({ pipelines: 10 })
  .map(withCommitMessages)
  .chain((history) => fc.record({ history: fc.constant(history), tellings: anyTellings(history) }));

/** No rule names a repo, since both repos have the same name. */
const anyShared = histories({ pipelines: 10 })
  .map((history) => {
    const tiers = history.policy.tiers.map(({ repos: _, ...rule }) => rule);
    // A request for a mark contains the repo's name, so only one repo may have a pipeline with its number.
    const isClear = ({ number }: { readonly number: number }) =>
      history.pipelines.filter((one) => one.number === number).length === 1;
    const marks = history.marks.filter(isClear);
    const markRequests = history.markRequests.filter(isClear);
    const policy = { ...history.policy, tiers };
    return withCommitMessages({ ...history, marks, markRequests, policy });
  })
  .chain((history) => fc.record({ history: fc.constant(history), tellings: anyTellings(history) }));

const windowNames = ['1d', '7d', '30d'];
const pauses = [0, 1, 3_600, 86_400, 86_400, 8 * 86_400, 30 * 86_400];

const nowOf = ({ clock }: World) => Math.floor(clock.now() / 1000);

interface PlayOptions {
  readonly host?: StoreHost;
  readonly onCommit?: (world: World) => void;
}

async function playedIn({ history, tellings }: Case, options: PlayOptions = {}): Promise<World> {
  const { host, onCommit } = options;
  const mode = { policy: policyOf(history.policy), canAsk: false };
  const world = await createWorld({ mode, startsAt: lastEndOf(history), ...(host && { host }) });
  await tell(world, tellings, () => onCommit?.(world));
  return world;
}

async function expectAsTheOracleSays(world: World, history: History): Promise<void> {
  for (const pause of pauses) {
    world.clock.advance(pause);
    await judgeAgain(world);
    const now = nowOf(world);
    expect(shownNow(world)).toEqual(expectedAt(history, now, windowNames));
    const { pairs } = figuresAt(history, now);
    expect(await explainedAt(world, pairs, now)).toEqual(expectedExplained(history, pairs, now));
  }
  const { pairs } = figuresAt(history, nowOf(world));
  for (const moment of history.moments) {
    if (moment > nowOf(world)) continue;
    expect(await explainedAt(world, pairs, moment)).toEqual(expectedExplained(history, pairs, moment));
    expect(await shownAt(world, '30d', moment)).toEqual(expectedOfPast(history, '30d', moment));
  }
}

describe('deployments and their figures', () => {
  it('are those of the oracle, in any order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (played) => {
        const world = await playedIn(played);
        await expectAsTheOracleSays(world, played.history);
        await world.close();
      }),
      { numRuns: runs(1000) },
    );
  });

  it('are those of the oracle for repos with one name: incidents belong to the repo that deployed last', async () => {
    await fc.assert(
      fc.asyncProperty(anyShared, async ({ history, tellings }) => {
        const mode = { policy: policyOf(history.policy), canAsk: false };
        const world = await createWorld({ mode, startsAt: lastEndOf(history) });
        await tell(world, tellings, undefined, (repo) => (repo === 'acme/api' ? 'acme/shop' : repo));
        for (const pause of [0, 86_400]) {
          world.clock.advance(pause);
          await judgeAgain(world);
          const expected = expectedShared(history, ['acme/shop', 'acme/api'], nowOf(world), windowNames);
          expect(shownNow(world)).toEqual(expected);
          await world.restart();
          expect(shownNow(world)).toEqual(expected);
        }
        await world.close();
      }),
      { numRuns: runs(300) },
    );
  });

  it('are those of the oracle, with a SQLite file', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (played) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        try {
          const world = await playedIn(played, { host });
          await expectAsTheOracleSays(world, played.history);
          await world.close();
        } finally {
          folder.remove();
        }
      }),
      { numRuns: runs(50) },
    );
  });

  it('are the same after a restart, which reads them from the store', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (played) => {
        const world = await playedIn(played);
        await judgeAgain(world);
        const { policy } = world.ingest.mode;
        const cutoff =
          nowOf(world) -
          Math.max(...['production', 'staging', 'rest'].map((tier) => retainedSeconds(policy, tier)));
        const inMemory = snapshotOf(world.state, cutoff);
        await world.restart();
        expect(snapshotOf(world.state, cutoff)).toEqual(inMemory);
        await world.close();
      }),
      { numRuns: runs(1000) },
    );
  });
});

const anySwitch = fc
  .record({
    history: histories({ pipelines: 8 }).map(withCommitMessages),
    next: histories({ pipelines: 1 }).map(({ policy }) => policy),
    alertTier: fc.constantFrom('production', 'staging'),
    way: fc.constantFrom('start' as const, 'background' as const),
    share: fc.integer({ min: 0, max: 100 }),
  })
  .chain((drawn) =>
    anyTellings(drawn.history, { corrections: false }).map((tellings) => ({ ...drawn, tellings })),
  );

describe('after another policy is adopted, deployments', () => {
  it('are those of the oracle for the new policy, and no counter falls', async () => {
    await fc.assert(
      fc.asyncProperty(anySwitch, async ({ history, next, alertTier, way, share, tellings }) => {
        const world = await createWorld({
          mode: { policy: policyOf(history.policy), canAsk: false },
          startsAt: lastEndOf(history),
        });
        const half = Math.floor((tellings.length * share) / 100);
        await tell(world, tellings.slice(0, half));
        const before = numbersOf(ledgersOf(world));
        const mode = { policy: policyOf(next, alertTier), canAsk: false };
        if (way === 'start') await world.restart(mode);
        else await world.ingest.adopt(mode);
        const after = numbersOf(ledgersOf(world));
        const shown = new Set(Object.keys(ledgersOf(world)));
        const kept = [...before].filter(([name]) => [...shown].some((pair) => name.startsWith(`${pair} `)));
        expect(fallen(new Map(kept), after)).toEqual([]);
        const seen = underPolicy(history, next, alertTier);
        await tell(
          world,
          tellings.slice(half).map((one) => ({ ...one, next: 'commit' })),
        );
        await judgeAgain(world);
        const now = nowOf(world);
        expect(shownNow(world)).toEqual(expectedAt(seen, now, windowNames));
        const { pairs } = figuresAt(seen, now);
        expect(await explainedAt(world, pairs, now)).toEqual(expectedExplained(seen, pairs, now));
        await world.restart(mode);
        expect(shownNow(world)).toEqual(expectedAt(seen, now, windowNames));
        await world.close();
      }),
      { numRuns: runs(300) },
    );
  });
});

/** Every number of the ledgers, by its name. */
function numbersOf(ledgers: ReturnType<typeof ledgersOf>): Map<string, number> {
  return new Map(
    Object.entries(ledgers).flatMap(([pair, { deployments, failures, reworks, byCause, recoveries }]) =>
      Object.entries({ deployments, failures, reworks, ...byCause, recoveries: recoveries.count }).map(
        ([name, count]) => [`${pair} ${name}`, count] as const,
      ),
    ),
  );
}

/** Names of the numbers that are lower in the second map. */
function fallen(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...before].flatMap(([name, count]) => ((after.get(name) ?? 0) < count ? [name] : []));
}

describe('the ledger of deployments', () => {
  it('never falls, and contains everything that is shown at the end, in any order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async (played) => {
        let shown = new Map<string, number>();
        const watch = (world: World) => {
          const now = numbersOf(ledgersOf(world));
          expect(fallen(shown, now)).toEqual([]);
          shown = now;
        };
        const world = await playedIn(played, { onCommit: watch });
        await judgeAgain(world);
        watch(world);
        const oracle = createLedgerOracle();
        oracle.look(played.history, nowOf(world));
        const inTheEnd = numbersOf(oracle.expected());
        inTheEnd.forEach((_, name) => {
          // Several observed episodes may be one at the end.
          if (name.endsWith('recoveries')) inTheEnd.set(name, Math.min(1, inTheEnd.get(name) ?? 0));
        });
        expect(fallen(inTheEnd, shown)).toEqual([]);
        await world.restart();
        watch(world);
        await world.close();
      }),
      { numRuns: runs(500) },
    );
  });

  it('counts each deployment once, if no deployment is corrected', async () => {
    const anyPlain = histories({ pipelines: 10 })
      .map((history) => withCommitMessages({ ...history, marks: [], markRequests: [] }))
      .chain((history) =>
        fc.record({ history: fc.constant(history), tellings: anyTellings(history, { corrections: false }) }),
      );
    await fc.assert(
      fc.asyncProperty(anyPlain, async (played) => {
        const world = await playedIn(played);
        const oracle = createLedgerOracle();
        oracle.look(played.history, nowOf(world));
        const counted = (ledgers: ReturnType<typeof ledgersOf>) =>
          Object.entries(ledgers).map(([pair, { deployments, byCause }]) => [
            pair,
            deployments,
            byCause['pipeline'],
          ]);
        expect(counted(ledgersOf(world)).sort()).toEqual(counted(oracle.expected()).sort());
        await world.close();
      }),
      { numRuns: runs(500) },
    );
  });

  it('counts each deployment, failure, cause, repair and recovery once, as soon as it is known', async () => {
    await fc.assert(
      fc.asyncProperty(anyBook, async ({ history, restarts }) => {
        const happenings = happeningsOf(history);
        const first = happenings[0]?.at ?? 0;
        const mode = { policy: policyOf(history.policy), canAsk: false };
        const world = await createWorld({ mode, startsAt: first });
        const oracle = createLedgerOracle();
        for (const [index, { at, told }] of happenings.entries()) {
          const known = worldAfter(history, happenings.slice(0, index));
          for (const moment of momentsBetween(nowOf(world), at)) {
            world.clock.advance(moment - nowOf(world));
            await judgeAgain(world);
            oracle.look(known, moment);
          }
          world.clock.advance(at - nowOf(world));
          await tellTogether(world, told);
          await judgeAgain(world);
          oracle.look(worldAfter(history, happenings.slice(0, index + 1)), at);
          if (restarts.includes(index)) await world.restart();
          expect(ledgersOf(world)).toEqual(oracle.expected());
        }
        await world.close();
      }),
      { numRuns: runs(500) },
    );
  });
});
