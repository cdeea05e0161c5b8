/** The shown values of deployments, now and in the past, and those of the contract's oracle, in the same form. */

import type { DeploymentPart } from '../../src/core/explain.ts';
import type { SeriesSample } from '../../src/core/series/samples.ts';
import { inAscendingOrder, noValues, quantileOf, toValues } from '../../src/core/windows/values.ts';
import { windowCounts, windowDistributions } from '../../src/core/windows/window-content.ts';
import { createExplain } from '../../src/queries/explain.ts';
import { pastMoment } from '../../src/queries/moments.ts';
import { type Cause, figuresAt, type World as OracleWorld, type PairFigures } from './deployments-oracle.ts';
import { nameGauges } from './gauges.ts';
import { projectWindows } from './projected.ts';
import type { World } from './world.ts';

interface ShownWindow {
  readonly deployments: number;
  readonly failed: number;
  readonly byCause: Readonly<Record<string, number>>;
  readonly rework: number;
  readonly recoveries: readonly number[];
}

export interface ShownFigures {
  readonly lastSuccess: number;
  readonly lastFailure: number;
  readonly failingSince: number;
  /** `null`: nothing is shown, since the longest window contains no deployment. */
  readonly windows: Readonly<Record<string, ShownWindow>> | null;
}

/** By repo and tier. */
type ByPair<T> = Readonly<Record<string, T>>;

const longest = '30d';

function windowsOf({ windows }: SeriesSample, names: readonly string[]): ShownFigures['windows'] {
  if (!windows) return null;
  return Object.fromEntries(
    names.map((name, index) => {
      const content = windows[index];
      const count = (metric: string) =>
        content?.counts[windowCounts.findIndex((one) => one.name === metric)] ?? 0;
      const place = windowDistributions.findIndex((one) => one.name === 'recovery_time_seconds');
      const byCause = windowCounts.flatMap(({ cause }, at) => {
        const failed = content?.counts[at] ?? 0;
        return cause && failed > 0 ? [[cause, failed] as const] : [];
      });
      return [
        name,
        {
          deployments: count('deployments'),
          failed: count('failed_deployments'),
          byCause: Object.fromEntries(byCause),
          rework: count('rework_deployments'),
          recoveries: inAscendingOrder(content?.samples[place] ?? noValues),
        },
      ];
    }),
  );
}

function figuresOf(series: readonly SeriesSample[], names: readonly string[]): ByPair<ShownFigures> {
  return Object.fromEntries(
    series
      .filter(({ hasDeployed }) => hasDeployed)
      .map((sample) => [
        `${sample.repo} ${sample.tier}`,
        { ...nameGauges(sample.gauges), windows: windowsOf(sample, names) },
      ])
      .filter(([, shown]) => hasAnything(shown as ShownFigures)),
  );
}

function hasAnything({ lastSuccess, lastFailure }: ShownFigures): boolean {
  return lastSuccess + lastFailure > 0;
}

/** The values of the metrics now. */
export function shownNow({ state, ingest, clock }: World): ByPair<ShownFigures> {
  const { windows } = ingest.mode.policy;
  const names = windows.map(({ name }) => name);
  return figuresOf(projectWindows(state, windows, Math.floor(clock.now() / 1000)).series, names);
}

interface PastWindow {
  readonly deployments: number;
  readonly failed: number;
  readonly byCause: Readonly<Record<string, number>>;
  /** `null`: the policy does not look for it. */
  readonly rework: number | null;
  readonly recoveries: { readonly samples: number; readonly median: number | null };
}

export type PastFigures = Omit<ShownFigures, 'windows'> & { readonly window: PastWindow | null };

/** The shown values of a past time, for one window. */
export async function shownAt({ ingest }: World, name: string, at: number): Promise<ByPair<PastFigures>> {
  const window = ingest.mode.policy.windows.find((one) => one.name === name);
  if (!window) throw new Error(`No window is named ${name}`);
  const { projected, figuresOf } = await pastMoment(ingest, window, at);
  return Object.fromEntries(
    projected.series.map((sample) => {
      const figures = figuresOf(sample);
      return [
        `${sample.repo} ${sample.tier}`,
        {
          ...nameGauges(sample.gauges),
          window: figures && {
            deployments: figures.deployments,
            failed: figures.failedDeployments,
            byCause: figures.failedByCause,
            rework: figures.reworkDeployments,
            recoveries: { samples: figures.recoveryTime.samples, median: figures.recoveryTime.median },
          },
        },
      ];
    }),
  );
}

/** The same by the oracle. */
export function expectedOfPast(world: OracleWorld, name: string, at: number): ByPair<PastFigures> {
  const shown = expectedAt(world, at, [name]);
  const { pairs } = figuresAt(world, at);
  return Object.fromEntries(
    pairs.map(({ repo, tier, windows }) => {
      const key = `${repo} ${tier}`;
      const { windows: all, ...gauges } = shown[key] as ShownFigures;
      const { recoveries = [], ...figures } = all?.[name] ?? {};
      const expected = all && {
        ...(figures as ShownWindow),
        rework: windows[name]?.rework ?? null,
        recoveries: { samples: recoveries.length, median: quantileOf(toValues(recoveries), 0.5) },
      };
      return [key, { ...gauges, window: expected }];
    }),
  );
}

/** The shown values by the oracle, for some windows. */
export function expectedAt(world: OracleWorld, at: number, names: readonly string[]): ByPair<ShownFigures> {
  const { pairs } = figuresAt(world, at);
  return Object.fromEntries(
    pairs.map((pair) => [
      `${pair.repo} ${pair.tier}`,
      {
        lastSuccess: pair.lastSuccess ?? 0,
        lastFailure: pair.lastFailure ?? 0,
        failingSince: pair.failingSince ?? 0,
        windows: expectedWindows(pair, names),
      },
    ]),
  );
}

function expectedWindows({ windows }: PairFigures, names: readonly string[]): ShownFigures['windows'] {
  if (windows[longest]?.deployments === 0) return null;
  return Object.fromEntries(
    names.map((name) => {
      const { deployments = 0, failed = 0, failedByCause, rework, recoveries = [] } = windows[name] ?? {};
      const byCause = Object.entries(failedByCause ?? {}).filter(([, count]) => count > 0);
      return [
        name,
        {
          deployments,
          failed,
          byCause: Object.fromEntries(byCause),
          rework: rework ?? 0,
          recoveries: recoveries.toSorted((a, b) => a - b),
        },
      ];
    }),
  );
}

/** The explanation of one deployment. */
export interface ExplainedDeployment {
  readonly number: number;
  readonly outcome: string;
  readonly start: number | null;
  readonly finish: number;
  readonly duration: number | null;
  readonly causes: readonly string[];
  readonly shownBy: readonly number[];
  readonly rework: boolean;
  readonly incidents: readonly string[];
  readonly end: number | null;
  readonly endedBy: string | null;
  readonly repairedBy: number | null;
}

const ascending = (a: number, b: number) => a - b;

/** The explanations of all deployments of the pairs at a time. */
export async function explainedAt(
  world: World,
  pairs: readonly Pick<PairFigures, 'repo' | 'tier'>[],
  at: number,
): Promise<ByPair<readonly ExplainedDeployment[]>> {
  const explain = createExplain({ ingest: world.ingest, woodpeckerUrl: null });
  const all: [string, readonly ExplainedDeployment[]][] = [];
  for (const { repo, tier } of pairs) {
    const window = { name: 'all', seconds: 365 * 86_400 };
    const request = { repo, tier, window, at, before: null, limit: 1_000 };
    const found = await explain({ ...request, show: 'everything' });
    const parts = (found?.pipelines ?? []).flatMap(({ verdict }) =>
      verdict.kind === 'deployment' ? [verdict.part] : [],
    );
    all.push([`${repo} ${tier}`, parts.map(toExplained).reverse()]);
  }
  return Object.fromEntries(all);
}

function toExplained({ deployment }: DeploymentPart): ExplainedDeployment {
  const { number, outcome, startedAt, at, durationSeconds, verdict } = deployment;
  const { causes, shownBy, isRework, incidents, failure } = verdict;
  return {
    number,
    outcome,
    start: startedAt,
    finish: at,
    duration: durationSeconds,
    causes,
    shownBy: shownBy.toSorted(ascending),
    rework: isRework,
    incidents: incidents.map(({ id }) => id.split('-').slice(0, 2).join('-')).sort(),
    end: failure?.end ?? null,
    endedBy: failure?.endedBy ?? null,
    repairedBy: failure?.repairedBy ?? null,
  };
}

export function expectedExplained(
  world: OracleWorld,
  pairs: readonly Pick<PairFigures, 'repo' | 'tier'>[],
  at: number,
): ByPair<readonly ExplainedDeployment[]> {
  const known = figuresAt(world, at).pairs;
  return Object.fromEntries(
    pairs.map(({ repo, tier }) => [
      `${repo} ${tier}`,
      toExpected(known.find((one) => one.repo === repo && one.tier === tier)),
    ]),
  );
}

function toExpected(pair: PairFigures | undefined): readonly ExplainedDeployment[] {
  return (pair?.deployments ?? []).map((one) => {
    const { number, outcome, start, finish, duration, causes, rework, incidents, ...others } = one;
    const { end, endedBy, repairedBy } = others;
    const by = (cause: Cause, isBy: (other: PairFigures['deployments'][number]) => boolean) =>
      causes.includes(cause) ? (pair?.deployments ?? []).filter(isBy).map((other) => other.number) : [];
    const shownBy = [
      ...by('rollback', ({ rollsBack }) => rollsBack === number),
      ...by(
        'fix',
        ({ revertsLinked, repairsByRule }) => revertsLinked.includes(number) || repairsByRule === number,
      ),
    ].sort(ascending);
    return {
      number,
      outcome,
      start,
      finish,
      duration,
      causes,
      shownBy,
      rework,
      incidents,
      end,
      endedBy,
      repairedBy,
    };
  });
}

/** The repo with the last deployment to a tier, by time, then by position in `repos`; `null`: there is none. */
function ownerOf(pairs: readonly PairFigures[], repos: readonly string[], tier: string): string | null {
  const lastOf = (repo: string) =>
    pairs.find((one) => one.repo === repo && one.tier === tier)?.deployments.at(-1)?.finish ?? 0;
  const [owner] = repos
    .filter((repo) => lastOf(repo) > 0)
    .sort((a, b) => lastOf(b) - lastOf(a) || repos.indexOf(b) - repos.indexOf(a));
  return owner ?? null;
}

/** The shown values by the oracle if the repos, in the order of their ids, have one name. */
export function expectedShared(
  world: OracleWorld,
  repos: readonly string[],
  at: number,
  names: readonly string[],
) {
  const { pairs } = figuresAt(world, at);
  const incidents = world.incidents.map((one) =>
    repos.includes(one.repo) ? { ...one, repo: ownerOf(pairs, repos, one.tier) ?? one.repo } : one,
  );
  const judged = figuresAt({ ...world, incidents }, at).pairs;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return Object.fromEntries(
    [...Map.groupBy(judged, ({ tier }) => tier)].map(([tier, group]): [string, ShownFigures] => {
      const open = group.flatMap(({ failingSince }) => failingSince ?? []);
      const of = (name: string) => group.flatMap(({ windows }) => windows[name] ?? []);
      const windows = names.map((name): [string, ShownWindow] => {
        const all = of(name);
        const byCause = ['pipeline', 'rollback', 'fix', 'incident', 'operator'].map(
          (cause) => [cause, sum(all.map(({ failedByCause }) => failedByCause[cause as Cause]))] as const,
        );
        return [
          name,
          {
            deployments: sum(all.map(({ deployments }) => deployments)),
            failed: sum(all.map(({ failed }) => failed)),
            byCause: Object.fromEntries(byCause.filter(([, count]) => count > 0)),
            rework: sum(all.map(({ rework }) => rework ?? 0)),
            recoveries: all.flatMap(({ recoveries }) => recoveries).sort(ascending),
          },
        ];
      });
      return [
        `${repos[0]} ${tier}`,
        {
          lastSuccess: Math.max(...group.map(({ lastSuccess }) => lastSuccess ?? 0)),
          lastFailure: Math.max(...group.map(({ lastFailure }) => lastFailure ?? 0)),
          failingSince: open.length === 0 ? 0 : Math.min(...open),
          windows:
            sum(of(longest).map(({ deployments }) => deployments)) === 0 ? null : Object.fromEntries(windows),
        },
      ];
    }),
  );
}
