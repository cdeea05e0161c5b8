/**
 * When a pipeline started and ended, in the time of Woodpecker's clock.
 *
 * The server writes `created` and `updated`. An agent writes the start, and the finish of what it ran, by a clock of its
 * own. If these contradict the server's times by more than five minutes, the agent's clock is wrong: the end is then the
 * server's last write, and the start is shifted by the same correction, so that the distance between them stays.
 */

import { clockToleranceSeconds, isInFuture } from '../core/clock-skew.ts';
import { isEnded } from '../core/pipeline.ts';
import type { WirePipeline } from './wire.ts';

export interface PipelineTimes {
  /** All in Unix seconds. */
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Whether one clock told both start and finish. */
  readonly hasOneClock: boolean;
  /** Seconds to add to the times of workflows and steps. */
  readonly agentCorrection: number;
}

export function readTimes(wire: WirePipeline): PipelineTimes {
  const createdAt = wire.created || wire.created_at;
  const updatedAt = wire.updated || wire.updated_at;
  const startedAt = wire.started || wire.started_at;
  const end = isEnded(wire.status) ? endOf(wire, updatedAt) : null;
  const told = { createdAt: createdAt || null, startedAt: startedAt || null };
  if (!end) return { ...told, finishedAt: null, hasOneClock: true, agentCorrection: 0 };

  const isPlausible = (at: number) =>
    at >= createdAt - clockToleranceSeconds && (updatedAt === 0 || at <= updatedAt + clockToleranceSeconds);
  const hasOneClock = end.clock === clockOfStart(wire);
  const toLastWrite = updatedAt > 0 ? updatedAt - end.at : 0;
  const isStartWrong = startedAt > 0 && !isPlausible(startedAt) && isPlausible(startedAt + toLastWrite);
  const correction = !isPlausible(end.at) || (hasOneClock && isStartWrong) ? toLastWrite : 0;
  const finishedAt = end.at + correction;
  const start = startedAt + (hasOneClock ? correction : 0);
  // One that is still impossible came from a third clock.
  const isPossible = startedAt > 0 && isPlausible(start) && start <= finishedAt;
  return {
    ...told,
    startedAt: isPossible ? start : null,
    finishedAt,
    hasOneClock,
    agentCorrection: end.clock === 'agent' ? correction : 0,
  };
}

interface End {
  /** Unix seconds. */
  readonly at: number;
  readonly clock: 'agent' | 'server';
}

/** Null if nothing tells when it ended. */
function endOf(wire: WirePipeline, updatedAt: number): End | null {
  const told = wire.finished || wire.finished_at;
  if (told > 0) return { at: told, clock: clockOfFinish(wire, told) };
  // The server writes 0 as the pipeline's finish if the workflow that ended last was skipped.
  const latest = latestFinish(wire);
  if (latest > 0) return { at: latest, clock: 'agent' };
  return updatedAt > 0 ? { at: updatedAt, clock: 'server' } : null;
}

function clockOfStart({ status }: WirePipeline): End['clock'] {
  // A pipeline that could not begin: the server writes start and finish.
  return status === 'error' ? 'server' : 'agent';
}

function clockOfFinish(wire: WirePipeline, finishedAt: number): End['clock'] {
  switch (wire.status) {
    case 'success':
    case 'failure':
      return 'agent';
    case 'killed': {
      // The server ends it at once; the agent may then write when it has stopped.
      const finishes = finishesWithin(wire);
      return finishes.length === 0 || finishes.includes(finishedAt) ? 'agent' : 'server';
    }
    default:
      return 'server';
  }
}

/** 0: none has one. */
function latestFinish(wire: WirePipeline): number {
  return finishesWithin(wire).reduce((latest, at) => Math.max(latest, at), 0);
}

/** Of every workflow and step; 0 for one without. */
function finishesWithin({ workflows }: WirePipeline): number[] {
  const parts = (workflows ?? []).flatMap((workflow) => [workflow, ...(workflow.children ?? [])]);
  return parts.map((part) => part.finished || part.end_time);
}

/** Paths of all times in a webhook's body that lie too far ahead of its receipt. */
export function timesAhead(times: Readonly<Record<string, number>>, receivedAt: number): string[] {
  return Object.entries(times)
    .filter(([, value]) => isInFuture(value, receivedAt))
    .map(([path]) => path);
}

/** Every time that decides something in a pipeline's message, by path. */
export function timesOf(wire: WirePipeline): Record<string, number> {
  return {
    'pipeline.created': wire.created || wire.created_at,
    'pipeline.updated': wire.updated || wire.updated_at,
    'pipeline.started': wire.started || wire.started_at,
    'pipeline.finished': wire.finished || wire.finished_at,
    'pipeline.workflows': latestFinish(wire),
  };
}
