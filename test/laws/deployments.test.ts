/**
 * The deployments contract from end to end: after any history, in any order of arrival, store and state give the values
 * of the contract's oracle, for now and for every time in the past.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retainedSeconds } from '../../src/core/policy.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { type History, histories } from '../support/deployments-histories.ts';
import {
  createLedgerOracle,
  type ExpectedLedger,
  happeningsOf,
  ledgerOf,
  worldAfter,
  worldTold,
} from '../support/deployments-ledger.ts';
import { figuresAt, type World as OracleWorld } from '../support/deployments-oracle.ts';
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

async function expectSeen(world: World, history: OracleWorld): Promise<void> {
  const now = nowOf(world);
  expect(shownNow(world)).toEqual(expectedAt(history, now, windowNames));
  const { pairs } = figuresAt(history, now);
  expect(await explainedAt(world, pairs, now)).toEqual(expectedExplained(history, pairs, now));
}

async function expectSameAfterRestart(world: World): Promise<void> {
  const { mode } = world.ingest;
  const retained = ['production', 'staging', 'rest'].map((tier) => retainedSeconds(mode.policy, tier));
  const cutoff = nowOf(world) - Math.max(...retained);
  const inMemory = snapshotOf(world.state, cutoff);
  await world.restart(mode);
  expect(snapshotOf(world.state, cutoff)).toEqual(inMemory);
}

async function expectAsTheOracleSays(world: World, history: History): Promise<void> {
  for (const pause of pauses) {
    world.clock.advance(pause);
    await judgeAgain(world);
    await expectSeen(world, history);
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
        await expectSameAfterRestart(world);
        await world.close();
      }),
      { numRuns: runs(1000) },
    );
  });
});

/** `adopt`: while the rest arrives. `abort`: the same, and it is given up at some point, perhaps too late. */
const anySwitch = fc
  .record({
    history: histories({ pipelines: 8 }).map(withCommitMessages),
    next: histories({ pipelines: 1 }).map(({ policy }) => policy),
    alertTier: fc.constantFrom('production', 'staging'),
    way: fc.constantFrom('start' as const, 'adopt' as const, 'abort' as const),
    abortAt: fc.nat(3),
    share: fc.integer({ min: 0, max: 100 }),
  })
  .chain((drawn) =>
    anyTellings(drawn.history, { corrections: false }).map((tellings) => {
      const half = Math.floor((tellings.length * drawn.share) / 100);
      return { ...drawn, first: tellings.slice(0, half), second: tellings.slice(half) };
    }),
  );

/** Returns whether the policy of `mode` was adopted. */
async function adoptOrAbort({ ingest }: World, mode: IntakeMode, abortAt: number): Promise<boolean> {
  const abort = new AbortController();
  let step = 0;
  const onProgress = () => step++ === abortAt && abort.abort();
  return ingest.adopt(mode, { signal: abort.signal, onProgress }).then(
    () => true,
    (error) => {
      if (!abort.signal.aborted) throw error;
      return false;
    },
  );
}

/** The totals of all pairs, also of those that are no longer shown. */
const totalsOf = ({ state }: World) =>
  Object.fromEntries(
    [...state.pairs.values()].map(({ repo, tier, totals }) => [
      `${state.repos.get(repo)?.fullName} ${tier}`,
      ledgerOf(totals),
    ]),
  );

/** The totals if everything in `history` has just been counted. */
const countedNow = (history: OracleWorld, now: number) => {
  const oracle = createLedgerOracle();
  oracle.look(history, now);
  return oracle.expected();
};

describe('after another policy is adopted, deployments', () => {
  it('are those of the oracle for the new policy, or for the old one if it was given up', async () => {
    await fc.assert(
      fc.asyncProperty(anySwitch, async ({ history, next, alertTier, way, abortAt, first, second }) => {
        const world = await createWorld({
          mode: { policy: policyOf(history.policy), canAsk: false },
          startsAt: lastEndOf(history),
        });
        await tell(world, first);
        const mode = { policy: policyOf(next, alertTier), canAsk: false };
        let isAdopted = true;
        if (way === 'start') {
          await world.restart(mode);
          await tell(world, second);
        } else {
          const abortion = way === 'abort' ? abortAt : -1;
          const adoption = adoptOrAbort(world, mode, abortion);
          // No restart may interrupt it.
          await tell(
            world,
            second.map((one) => ({ ...one, next: one.next === 'join' ? 'join' : 'commit' })),
          );
          isAdopted = await adoption;
        }
        await judgeAgain(world);
        const active = isAdopted ? underPolicy(history, next, alertTier) : history;
        await expectSeen(world, active);
        await expectSameAfterRestart(world);
        await expectSeen(world, active);
        await world.restart(mode);
        await expectSeen(world, underPolicy(history, next, alertTier));
        await world.close();
      }),
      { numRuns: runs(300) },
    );
  });

  it('keep the totals of existing series, and every further deployment counts once', async () => {
    await fc.assert(
      fc.asyncProperty(anySwitch, async ({ history: marked, next: other, alertTier, way, ...drawn }) => {
        // A mark may take a deployment out before it counts, and a new default branch may bring an earlier one in.
        const onAnyBranch = { default_branches_only: false };
        const policy = { ...marked.policy, ...onAnyBranch };
        const history = { ...marked, policy, marks: [], markRequests: [] };
        const [first, second] = [drawn.first, drawn.second].map((some) =>
          some.filter(({ told }) => told.kind !== 'mark'),
        ) as [Telling[], Telling[]];
        const next = { ...other, ...onAnyBranch };
        const seen = underPolicy(history, next, alertTier);
        const mode = { policy: policyOf(next, alertTier), canAsk: false };
        const world = await createWorld({
          mode: { policy: policyOf(history.policy), canAsk: false },
          startsAt: lastEndOf(history),
        });
        await tell(world, first);
        await judgeAgain(world);
        const before = totalsOf(world);
        if (way === 'start') await world.restart(mode);
        else await world.ingest.adopt(mode);
        const after = totalsOf(world);
        const known = countedNow(
          worldTold(
            seen,
            first.map(({ told }) => told),
          ),
          nowOf(world),
        );
        expect(fallen(numbersOf(before), numbersOf(after))).toEqual([]);
        // While the service runs, an existing series without deployments may start at 0 or at its exact totals.
        const isClear = (pair: string) => way === 'start' || before[pair]?.deployments !== 0;
        const atFirst = { ...known, ...before };
        expect(countedIn(after, isClear)).toEqual(countedIn(atFirst, isClear));
        await tell(world, second);
        const inTheEnd = totalsOf(world);
        const expected = Object.entries(countedNow(seen, nowOf(world))).map(([pair, { deployments }]) => {
          const further = deployments - (known[pair]?.deployments ?? 0);
          return [pair, (atFirst[pair]?.deployments ?? 0) + further] as const;
        });
        for (const [pair, deployments] of expected.filter(([name]) => isClear(name))) {
          expect([pair, inTheEnd[pair]?.deployments ?? 0]).toEqual([pair, deployments]);
        }
        await world.restart({ policy: policyOf(history.policy), canAsk: false });
        const returned = totalsOf(world);
        expect(fallen(numbersOf(inTheEnd), numbersOf(returned))).toEqual([]);
        // Deployments since a series left do not count when it returns.
        const had = (pair: string) => (inTheEnd[pair]?.deployments ?? 0) > 0;
        expect(countedIn(returned, had)).toEqual(countedIn(inTheEnd));
        await world.close();
      }),
      { numRuns: runs(300) },
    );
  });
});

const withDeployments = (ledgers: Readonly<Record<string, ExpectedLedger>>) =>
  Object.fromEntries(Object.entries(ledgers).filter(([, { deployments }]) => deployments > 0));

/** What each deployment adds by itself. */
const countedIn = (
  ledgers: Readonly<Record<string, ExpectedLedger>>,
  isClear: (pair: string) => boolean = () => true,
) =>
  Object.fromEntries(
    Object.entries(withDeployments(ledgers))
      .filter(([pair]) => isClear(pair))
      .map(([pair, { deployments, byCause, durations }]) => [
        pair,
        { deployments, failed: byCause['pipeline'], durations },
      ]),
  );

/** Every number of the ledgers, by its name. */
function numbersOf(ledgers: Readonly<Record<string, ExpectedLedger>>): Map<string, number> {
  return new Map(
    Object.entries(ledgers).flatMap(([pair, { byCause, durations, recoveries, ...counts }]) =>
      Object.entries({
        ...counts,
        ...byCause,
        durations: durations.count,
        recoveries: recoveries.count,
      }).map(([name, count]) => [`${pair} ${name}`, count] as const),
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
        expect(countedIn(ledgersOf(world))).toEqual(countedIn(oracle.expected()));
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
