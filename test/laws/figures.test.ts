/**
 * Compares the figures with the oracle after every commit of random histories, and at later times without a commit. The
 * ledger may differ from the oracle after corrections, but must never fall or count twice.
 */

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProjection } from '../../src/core/series/samples.ts';
import type { State } from '../../src/core/series/state.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import {
  anyHistory,
  dawn,
  type History,
  recordOf,
  type Telling,
  withoutNameRule,
} from '../support/dora-histories.ts';
import {
  type ExpectedSeries,
  expectSeries,
  reachableFrom,
  type TrueDeployment,
  type Truth,
} from '../support/dora-oracle.ts';
import {
  expectShown,
  idleSeries,
  type LeadTimeRules,
  playHistory,
  shownOf,
  wrongCoverages,
  wrongKnown,
  wrongLookups,
} from '../support/dora-play.ts';
import { episodesOf } from '../support/episodes.ts';
import { createLedgerWatch } from '../support/ledger-watch.ts';
import { project } from '../support/projected.ts';
import { runs } from '../support/runs.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld, type StoreHost, type World } from '../support/world.ts';

const reportsAlone: LeadTimeRules = { asksForge: false, fallback: null };
const reportsAndPipelines: LeadTimeRules = { asksForge: false, fallback: 'created' };
const rules: readonly [string, LeadTimeRules][] = [
  ['a forge', { asksForge: true, fallback: null }],
  ['a forge, and first pipelines where it cannot tell', { asksForge: true, fallback: 'created' }],
  ['reports alone', reportsAlone],
  ['reports, and first pipelines', reportsAndPipelines],
];
const anyRules = () => fc.constantFrom(...rules.map(([, play]) => play));

/** Some histories begin before it. */
const horizon = dawn - 2 * 86_400;

const modeOf = (history: History, { asksForge, fallback }: LeadTimeRules, canAsk: boolean): IntakeMode => ({
  policy: { ...history.policy, leadTime: { fallback } },
  canAsk,
  asksForge,
});
const nowSeconds = (world: World) => Math.floor(world.clock.now() / 1000);

interface Told {
  readonly truth: Truth;
  readonly all: readonly ExpectedSeries[];
  readonly now: number;
}

type Projection = ReturnType<typeof createProjection>;

/** Compares the shown values with the truth. */
function compare(projection: Projection, { policy: { windows } }: History, told: Told): void {
  const projected = projection.at(told.now);
  const expected = expectShown(told.all, windows, told.now);
  const shown = shownOf(projected, windows, expected);
  // Of many thousand comparisons, only a failed one needs the slow comparison that shows the difference.
  if (!isDeepStrictEqual(shown, expected)) expect(shown).toEqual(expected);
  expect(wrongCoverages(projected, windows, told)).toEqual([]);
  expect(wrongKnown(projected, windows, told)).toEqual([]);
  const eventful = idleSeries(projected, expected).filter(
    ({ gauges, windows: held }) => held !== null || gauges.some((gauge) => gauge !== 0),
  );
  expect(eventful).toEqual([]);
}

/** A repo is shown only after its first scan. */
function expectOnlyReleased({ state }: World, { names, knownSince }: Truth): void {
  const released = new Set([...knownSince.keys()].map((repo) => names.get(repo)));
  expect(project(state).filter(({ repo }) => !released.has(repo.toLowerCase()))).toEqual([]);
}

/** Later times, in ascending order. At many of them, a deployment enters or leaves a window. */
function momentsAfter(now: number, truth: Truth, { policy: { windows }, picks }: History): number[] {
  const edges = truth.deployments.flatMap(({ at }) =>
    windows.flatMap(({ seconds }) => [at, at + seconds - 1, at + seconds]),
  );
  const later = edges.filter((edge) => edge > now).sort((a, b) => a - b);
  return picks
    .map((pick, index) =>
      index % 3 > 0 && later.length > 0
        ? (later[Math.floor(pick * later.length)] ?? now)
        : now + Math.floor(pick * 20 * 86_400),
    )
    .sort((a, b) => a - b);
}

async function check(
  drawn: History,
  play: LeadTimeRules,
  { host, hasScans = false }: { host?: StoreHost; hasScans?: boolean } = {},
): Promise<void> {
  // The oracle knows a forge's answer for the tier that asked, not for a tier to which a rename moves the pipeline.
  const history = play.asksForge ? withoutNameRule(drawn) : drawn;
  const mode = modeOf(history, play, hasScans);
  const world = await createWorld({ mode, startsAt: dawn, ...(host && { host }) });
  // One projection for the lifetime of each state, as in the service.
  const projections = new WeakMap<State, Projection>();
  const projectionOf = ({ policy }: History) => {
    const known = projections.get(world.state) ?? createProjection(world.state, policy);
    projections.set(world.state, known);
    return known;
  };
  const compareNow = (as: History, truth: Truth, lookups: Parameters<typeof wrongLookups>[0]) => {
    const told = { truth, all: expectSeries(truth), now: nowSeconds(world) };
    compare(projectionOf(as), as, told);
    expect(wrongLookups(lookups, as.policy.windows, told)).toEqual([]);
  };
  const compareLater = (as: History, truth: Truth) => {
    const all = expectSeries(truth);
    for (const now of momentsAfter(nowSeconds(world), truth, as)) {
      compare(projectionOf(as), as, { truth, all, now });
      const shown = projectionOf(as).at(now);
      const anew = createProjection(world.state, as.policy).at(now);
      if (!isDeepStrictEqual(shown, anew)) expect(shown).toEqual(anew);
    }
  };

  let present = history;
  const played = await playHistory(history, world, {
    ...play,
    ...(hasScans && { horizon }),
    onSettled: (truth, lookups) =>
      hasScans ? expectOnlyReleased(world, truth) : compareNow(present, truth, lookups),
  });
  await played.finish();
  compareNow(history, played.truth(), []);
  compareLater(history, played.truth());

  // The same store under other rules: earlier answers of the forge stay, and the forge may be asked from now on.
  const [first = 0, second = 0] = history.picks;
  const next = {
    asksForge: play.asksForge || first > 0.5,
    fallback: second > 0.5 ? null : 'created',
  } as const;
  present = withLongerWindows(history);
  played.turnTo(next);
  await world.restart(modeOf(present, next, hasScans));
  compareNow(present, played.truth(), played.lookups());
  await played.finish();
  compareNow(present, played.truth(), []);
  await world.close();
}

const withLongerWindows = (history: History): History => ({
  ...history,
  policy: {
    ...history.policy,
    windows: history.policy.windows.map(({ name, seconds }) => ({ name, seconds: 2 * seconds + 1 })),
  },
});

describe('the figures of any history are those of the oracle at all times', () => {
  it.each(rules)('with lead times from %s', async (_, play) => {
    await fc.assert(
      fc.asyncProperty(anyHistory({ corrections: true }), (history) => check(history, play)),
      { numRuns: runs(700) },
    );
  });

  it('with live reports and scans', async () => {
    const anyCase = fc.tuple(anyHistory({ corrections: true, scans: true }), anyRules());
    await fc.assert(
      fc.asyncProperty(anyCase, ([history, play]) => check(history, play, { hasScans: true })),
      { numRuns: runs(500) },
    );
  });

  it('with a SQLite file that is closed and opened at each restart', async () => {
    const anyCase = fc
      .boolean()
      .chain((hasScans) =>
        fc.tuple(anyHistory({ corrections: true, scans: hasScans }), anyRules(), fc.constant(hasScans)),
      );
    await fc.assert(
      fc.asyncProperty(anyCase, async ([history, play, hasScans]) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        await check(history, play, { host, hasScans }).finally(folder.remove);
      }),
      { numRuns: runs(60) },
    );
  });
});

/** The highest possible values of the ledger, if each pipeline counts once, with the best of its reports. */
function possibleTotals(history: History, { asksForge }: LeadTimeRules): Totals {
  const pipelines = history.pipelines.flatMap((pipeline) => {
    const { number } = pipeline;
    const tellings = pipeline.tellings.map((telling, place) => ({
      telling,
      identity: `${pipeline.repo}/${number}/${recordOf(pipeline, place).id}`,
    }));
    return [...Map.groupBy(tellings, ({ identity }) => identity).values()].map((group) =>
      group.map(({ telling }) => telling).filter(({ event }) => event !== 'pull_request'),
    );
  });
  const countOf = (matches: (telling: Telling) => boolean) =>
    pipelines.filter((tellings) => tellings.some(matches)).length;
  const isEnd = ({ status }: Telling) => status === 'success' || status === 'failure';
  const isSuccess = ({ status }: Telling) => status === 'success';
  const commitsAtMost = ({ commit }: Telling) =>
    asksForge && commit !== ''
      ? [...reachableFrom(history.graph, commit)].filter(
          (id) => (history.graph.get(id)?.parents.length ?? 0) < 2,
        ).length
      : 1;
  const broughtAtMost = pipelines.map((tellings) =>
    Math.max(0, ...tellings.filter(isSuccess).map((telling) => Math.max(1, commitsAtMost(telling)))),
  );
  return {
    deployments: countOf(isEnd),
    failures: countOf(({ status }) => status === 'failure'),
    reworks: countOf((telling) => isEnd(telling) && isRework(telling)),
    recoveries: countOf(isSuccess),
    unknown: countOf(isSuccess),
    leadTimesAndUnknown: broughtAtMost.reduce((sum, most) => sum + most, 0),
  };
}

interface Totals {
  readonly deployments: number;
  readonly failures: number;
  readonly reworks: number;
  readonly recoveries: number;
  readonly unknown: number;
  readonly leadTimesAndUnknown: number;
}

const isRework = ({ branch, message }: Telling) => branch === 'hotfix/1' || message.startsWith('Revert');

type PairTotals = { readonly totals: ReturnType<Projection['at']>['series'][number]['totals'] };

function countedIn({ totals: { counters, histograms } }: PairTotals): Totals & {
  leadTimes: { count: number; sum: number };
  recovered: { count: number; sum: number };
} {
  const counter = (name: string) => counters[name] ?? Number.NaN;
  const histogram = (name: string) => {
    const { counts = [], sum = Number.NaN } = histograms[name] ?? {};
    return { count: counts.reduce((total, count) => total + count, 0), sum };
  };
  const leadTimes = histogram('dora_change_lead_time_seconds');
  const recovered = histogram('dora_deployment_recovery_time_seconds');
  const unknown = counter('dora_change_lead_time_unknown_total');
  return {
    deployments: counter('dora_deployments_total'),
    failures: counter('dora_deployment_failures_total'),
    reworks: counter('dora_deployment_reworks_total'),
    recoveries: recovered.count,
    unknown,
    leadTimesAndUnknown: leadTimes.count + unknown,
    leadTimes,
    recovered,
  };
}

const entries = [
  'deployments',
  'failures',
  'reworks',
  'recoveries',
  'unknown',
  'leadTimesAndUnknown',
] as const;

/** Values that are higher than possible, or higher than their whole. */
function excesses(state: State, possible: Totals): string[] {
  const pairs = [...state.pairs].map(([key, pair]) => ({ key, tier: pair.tier, ...countedIn(pair) }));
  const parts = ['failures', 'reworks', 'recoveries', 'unknown'] as const;
  return [
    ...pairs.flatMap((pair) =>
      parts
        .filter((part) => pair[part] > pair.deployments)
        .map((part) => `${pair.key}: ${pair[part]} ${part} of ${pair.deployments} deployments`),
    ),
    // Another name may move a repo into or out of the tier that goes by name. It then counts anew there.
    ...[...Map.groupBy(pairs, ({ tier }) => tier === 'platform').values()].flatMap((some) =>
      entries.flatMap((entry) => {
        const counted = some.reduce((sum, pair) => sum + pair[entry], 0);
        return counted > possible[entry] ? [`${counted} ${entry}, ${possible[entry]} at most`] : [];
      }),
    ),
  ];
}

/**
 * Each episode at its first end. An episode that continues within the same second is not observed again. `atOnce`: the
 * deployments of a repo are counted all at once, as after its first scan.
 */
function observedRecoveries(deployments: readonly TrueDeployment[], atOnce: boolean): { seconds: number }[] {
  return [...Map.groupBy(deployments, ({ repo }) => repo).values()].flatMap((ofRepo) => {
    const firstEnds = new Map<number, number>();
    for (const index of atOnce ? [ofRepo.length - 1] : ofRepo.keys()) {
      for (const { start, end } of episodesOf(ofRepo.slice(0, index + 1))) {
        if (end !== null && !firstEnds.has(start)) firstEnds.set(start, end);
      }
    }
    return [...firstEnds].map(([start, end]) => ({ seconds: end - start }));
  });
}

describe('the ledger of any history', () => {
  it.each([
    ['live reports', false],
    ['live reports and scans', true],
  ])('never falls, and never counts a pipeline twice, with %s', async (_, hasScans) => {
    const anyCase = fc.tuple(anyHistory({ corrections: true, scans: hasScans }), anyRules());
    await fc.assert(
      fc.asyncProperty(anyCase, async ([history, play]) => {
        const world = await createWorld({ mode: modeOf(history, play, hasScans), startsAt: dawn });
        const watch = createLedgerWatch();
        const possible = possibleTotals(history, play);
        const look = () => expect([...watch(world.state), ...excesses(world.state, possible)]).toEqual([]);
        const played = await playHistory(history, world, {
          ...play,
          ...(hasScans && { horizon }),
          onSettled: look,
        });
        await played.finish();
        look();
        await world.close();
      }),
      { numRuns: runs(300) },
    );
  });

  it.each([
    ['live reports', anyRules(), false],
    // The forge's answers about pipelines of a first scan are counted nowhere.
    ['live reports and scans', fc.constantFrom(reportsAlone, reportsAndPipelines), true],
  ])(
    'equals the oracle if every event is reported once, in order, and the forge answers at once, with %s',
    async (_, someRules, scans) => {
      const anyCase = fc.tuple(anyHistory({ inOrder: true, scans, maxPipelines: 14 }), someRules);
      await fc.assert(
        fc.asyncProperty(anyCase, async ([history, play]) => {
          const world = await createWorld({ mode: modeOf(history, play, scans), startsAt: dawn });
          const played = await playHistory(history, world, { ...play, ...(scans && { horizon }) });
          await played.finish();
          const { series } = createProjection(world.state, history.policy).at(nowSeconds(world));
          const shown = new Map(
            series.map((one) => [`${one.repo.toLowerCase()} ${one.tier}`, countedIn(one)]),
          );
          const sum = (samples: readonly { seconds: number }[]) => ({
            count: samples.length,
            sum: samples.reduce((total, { seconds }) => total + seconds, 0),
          });
          for (const one of expectSeries(played.truth())) {
            const { deployments, leadTimes, unknown } = one;
            const recoveries = observedRecoveries(deployments, scans);
            expect(shown.get(`${one.series} ${one.tier}`)).toEqual({
              deployments: deployments.length,
              failures: deployments.filter(({ outcome }) => outcome === 'failure').length,
              reworks: deployments.filter((deployment) => deployment.isRework).length,
              recoveries: recoveries.length,
              unknown: unknown.length,
              leadTimesAndUnknown: leadTimes.length + unknown.length,
              leadTimes: sum(leadTimes),
              recovered: sum(recoveries),
            });
          }
          await world.close();
        }),
        { numRuns: runs(300) },
      );
    },
  );
});
