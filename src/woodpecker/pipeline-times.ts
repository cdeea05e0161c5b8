/**
 * Reads the start and the end of a pipeline, by Woodpecker's clock.
 *
 * The server writes `created` and `updated`. Agents write starts and finishes by their own clocks. If these contradict the
 * server's times by more than five minutes, the agent's clock is wrong: the server's last write then replaces the finish,
 * and the start moves by the same correction, so that the duration stays.
 */

import { clockToleranceSeconds } from '../core/clock-skew.ts';
import { isEnded } from '../core/pipeline.ts';
import type { WirePipeline } from './wire.ts';

export interface PipelineTimes {
  /** All in Unix seconds. */
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Whether start and finish come from one clock. */
  readonly hasOneClock: boolean;
  /** Seconds to add to the times of workflows and steps. */
  readonly agentCorrection: number;
}

export function readTimes(wire: WirePipeline): PipelineTimes {
  const { created: createdAt, updated: updatedAt, started: startedAt } = wire;
  const end = isEnded(wire.status) ? endOf(wire, updatedAt) : null;
  const known = { createdAt: createdAt || null, startedAt: startedAt || null };
  if (!end) return { ...known, finishedAt: null, hasOneClock: true, agentCorrection: 0 };

  const isPlausible = (at: number) =>
    at >= createdAt - clockToleranceSeconds && (updatedAt === 0 || at <= updatedAt + clockToleranceSeconds);
  const hasOneClock = end.clock === clockOfStart(wire);
  const toLastWrite = updatedAt > 0 ? updatedAt - end.at : 0;
  const isStartWrong = startedAt > 0 && !isPlausible(startedAt) && isPlausible(startedAt + toLastWrite);
  const correction = !isPlausible(end.at) || (hasOneClock && isStartWrong) ? toLastWrite : 0;
  const finishedAt = end.at + correction;
  const start = startedAt + (hasOneClock ? correction : 0);
  // A start that is still impossible comes from a third clock.
  const isPossible = startedAt > 0 && isPlausible(start) && start <= finishedAt;
  return {
    ...known,
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

/** `null` if the time of the end is unknown. */
function endOf(wire: WirePipeline, updatedAt: number): End | null {
  if (wire.finished > 0) return { at: wire.finished, clock: clockOfFinish(wire) };
  // The server writes 0 if the last workflow was skipped.
  const latest = latestFinish(wire);
  if (latest > 0) return { at: latest, clock: 'agent' };
  return updatedAt > 0 ? { at: updatedAt, clock: 'server' } : null;
}

function clockOfStart({ status }: WirePipeline): End['clock'] {
  // If a pipeline cannot begin, the server writes start and finish.
  return status === 'error' ? 'server' : 'agent';
}

function clockOfFinish(wire: WirePipeline): End['clock'] {
  switch (wire.status) {
    case 'success':
    case 'failure':
      return 'agent';
    case 'killed': {
      // The server writes the finish at once; the agent may overwrite it when it has stopped.
      const finishes = finishesWithin(wire);
      return finishes.length === 0 || finishes.includes(wire.finished) ? 'agent' : 'server';
    }
    default:
      return 'server';
  }
}

/** The latest finish of a workflow or step, in Unix seconds; 0: none has a finish. */
function latestFinish(wire: WirePipeline): number {
  return finishesWithin(wire).reduce((latest, at) => Math.max(latest, at), 0);
}

/** The finishes of all workflows and steps, in Unix seconds; 0: it has no finish. */
function finishesWithin({ workflows }: WirePipeline): number[] {
  const parts = (workflows ?? []).flatMap((workflow) => [workflow, ...(workflow.children ?? [])]);
  return parts.map((part) => part.finished || part.end_time);
}

/** The times of a pipeline in a message, by path. */
export function timesOf(wire: WirePipeline): Record<string, number> {
  return {
    'pipeline.created': wire.created,
    'pipeline.updated': wire.updated,
    'pipeline.started': wire.started,
    'pipeline.finished': wire.finished,
    'pipeline.workflows': latestFinish(wire),
  };
}
