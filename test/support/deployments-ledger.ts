/**
 * Computes the ledger if every event is reported when it happens: each deployment counts once; each failure, cause and
 * repair once, as soon as it is known; each episode of failure once, at its end. Uses the oracle at each of these times.
 */

import type { Totals } from '../../src/core/series/ledger.ts';
import { type History, standingMarks } from './deployments-histories.ts';
import { endOf } from './deployments-oracle/parts.ts';
import {
  type Cause,
  figuresAt,
  type Incident,
  type World as OracleWorld,
  type PairFigures,
  type Pipeline,
} from './deployments-oracle.ts';
import type { Told } from './deployments-play.ts';

/** The events that are reported at one time. */
export interface Happening {
  /** Unix seconds. */
  readonly at: number;
  readonly told: readonly Told[];
}

const markEvery = 1_800;

/** All events, in order. */
export function happeningsOf({ pipelines, incidents, markRequests }: History): Happening[] {
  const ends = pipelines.flatMap((pipeline) => {
    const end = endOf(pipeline);
    const reportedAt = pipeline.reports && { reportedAt: pipeline.updated };
    return end ? [{ at: end.at, told: { kind: 'pipeline', pipeline, ...reportedAt } as Told }] : [];
  });
  const reports = incidents.flatMap((incident) => reportsOf(incident));
  const marks = markRequests.flatMap((request, index) => {
    const of = pipelines.find(({ repo, number }) => repo === request.repo && number === request.number);
    const end = of && endOf(of);
    if (!end) return [];
    return [{ at: end.at + (index + 1) * markEvery, told: { kind: 'mark', request } as Told }];
  });
  const all = [...ends, ...reports, ...marks];
  const moments = [...new Set(all.map(({ at }) => at))].sort((a, b) => a - b);
  return moments.map((at) => ({ at, told: all.filter((one) => one.at === at).map(({ told }) => told) }));
}

/** An incident is reported at its start, and again at its end or, if it is an alert, when it was last received. */
function reportsOf(incident: Incident): { at: number; told: Told }[] {
  const { start, end, lastReceipt } = incident;
  const first = { ...incident, end: null, lastReceipt: lastReceipt === null ? null : start };
  const last = end ?? lastReceipt;
  return [
    { at: start, told: { kind: 'incident', incident: first } },
    ...(last === null ? [] : [{ at: last, told: { kind: 'incident', incident } as Told }]),
  ];
}

/** The known world after some events. */
export function worldAfter(history: History, happenings: readonly Happening[]): OracleWorld {
  return worldTold(
    history,
    happenings.flatMap(({ told }) => told),
  );
}

/** The known world after some messages, in any order, if no end is corrected. */
export function worldTold(history: OracleWorld, all: readonly Told[]): OracleWorld {
  const incidents = new Map<string, Incident>();
  const tellings = all.flatMap((told) => (told.kind === 'pipeline' ? [told] : []));
  for (const told of all) if (told.kind === 'incident') incidents.set(told.incident.id, told.incident);
  const requests = all.flatMap((told) => (told.kind === 'mark' ? [told.request] : []));
  const ofOne = Map.groupBy(tellings, ({ pipeline: { repo, number } }) => `${repo}/${number}`);
  return {
    ...history,
    pipelines: [...ofOne.values()].map(knownOf),
    incidents: [...incidents.values()],
    marks: standingMarks(requests),
  };
}

/** A report before the end, whose `updated` is earlier, says less than the end. Of reports by steps, a failure decides. */
function knownOf(tellings: readonly (Told & { kind: 'pipeline' })[]): Pipeline {
  const isRunning = ({ status }: Pipeline) => Number(status === 'running');
  const isFailure = ({ status }: Pipeline) => Number(status === 'failure');
  const [latest] = tellings
    .map(({ pipeline }) => pipeline)
    .sort((a, b) => b.updated - a.updated || isRunning(a) - isRunning(b) || isFailure(b) - isFailure(a));
  const reports = tellings.flatMap(({ reportedAt }) => reportedAt ?? []);
  return { ...(latest as Pipeline), ...(reports.length > 0 && { updated: Math.min(...reports) }) };
}

export interface ExpectedLedger {
  readonly deployments: number;
  readonly failures: number;
  readonly byCause: Readonly<Record<string, number>>;
  readonly reworks: number;
  readonly durations: { readonly count: number; readonly sum: number };
  /** Number of recoveries, and the sum of their seconds. */
  readonly recoveries: { readonly count: number; readonly sum: number };
}

const causes: readonly Cause[] = ['pipeline', 'rollback', 'fix', 'incident', 'operator'];

/** Adds the known failures, causes and recoveries of one pair, time after time. */
function createExpected() {
  const deployments = new Set<number>();
  const durations = new Map<number, number>();
  const failures = new Set<number>();
  const byCause = new Set<string>();
  const reworks = new Set<number>();
  const recovered = new Set<number>();
  const recoveries = { count: 0, sum: 0 };
  return {
    add(pair: PairFigures): void {
      for (const { number, duration, causes: found, rework } of pair.deployments) {
        deployments.add(number);
        if (duration !== null && !durations.has(number)) durations.set(number, duration);
        if (found.length > 0) failures.add(number);
        for (const cause of found) byCause.add(`${cause} ${number}`);
        if (rework) reworks.add(number);
      }
      for (const { start, end } of pair.episodes) {
        if (end === null) continue;
        const last = pair.deployments.findLast(({ finish }) => finish <= end);
        const members = pair.deployments.filter(
          (one) => one === last || (one.causes.length > 0 && one.finish >= start && one.finish <= end),
        );
        if (members.some(({ number }) => recovered.has(number))) continue;
        for (const { number } of members) recovered.add(number);
        recoveries.count++;
        recoveries.sum += end - start;
      }
    },
    finish: (): ExpectedLedger => ({
      deployments: deployments.size,
      failures: failures.size,
      byCause: Object.fromEntries(
        causes.map((cause) => [cause, [...byCause].filter((one) => one.startsWith(`${cause} `)).length]),
      ),
      reworks: reworks.size,
      durations: countAndSum([...durations.values()]),
      recoveries: { ...recoveries },
    }),
  };
}

function countAndSum(values: number[]) {
  return { count: values.length, sum: values.reduce((sum, value) => sum + value, 0) };
}

export interface LedgerOracle {
  /** Adds the new facts of the world at a time. */
  look(world: OracleWorld, at: number): void;
  /** By repo and tier. */
  expected(): Readonly<Record<string, ExpectedLedger>>;
}

export function createLedgerOracle(): LedgerOracle {
  const pairs = new Map<string, ReturnType<typeof createExpected>>();
  return {
    look(world, at) {
      for (const pair of figuresAt(world, at).pairs) {
        const key = `${pair.repo} ${pair.tier}`;
        const one = pairs.get(key) ?? createExpected();
        pairs.set(key, one);
        one.add(pair);
      }
    },
    expected: () => Object.fromEntries([...pairs].map(([key, one]) => [key, one.finish()])),
  };
}

/** The service's ledger in the same form. */
export function ledgerOf({ counters, histograms }: Totals): ExpectedLedger {
  const contentOf = (name: string) => {
    const { counts = [], sum = 0 } = histograms[name] ?? {};
    return { count: counts.reduce((total, count) => total + count, 0), sum };
  };
  return {
    deployments: counters['dora_deployments_total'] ?? 0,
    failures: counters['dora_deployment_failures_total'] ?? 0,
    byCause: Object.fromEntries(
      causes.map((cause) => [cause, counters[`dora_deployment_failures_by_cause_total ${cause}`] ?? 0]),
    ),
    reworks: counters['dora_deployment_reworks_total'] ?? 0,
    durations: contentOf('dora_deployment_duration_seconds'),
    recoveries: contentOf('dora_deployment_recovery_time_seconds'),
  };
}
