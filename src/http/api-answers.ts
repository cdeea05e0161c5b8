/** Converts the core's values to the JSON of `schemas.ts`: names with underscores, times as ISO 8601. */

import type { z } from 'zod';
import type { Deployment, Place } from '../core/deployment.ts';
import type { ExplainedPipeline, Explanation, Listing } from '../core/explain.ts';
import type { IncidentList } from '../core/failures/listed-incident.ts';
import type { Window } from '../core/policy.ts';
import type { Score } from '../core/quick-check-score.ts';
import type { MissedPart } from '../core/stop.ts';
import { type WindowFigures, windowFields } from '../core/windows/window-figures.ts';
import { firstLine } from '../pages/words.ts';
import { iso } from '../util/moment.ts';
import type { ExplanationJson, MissedPartJson } from './explanation-schemas.ts';
import type { FiguresJson, IncidentsJson, ScoreJson, WindowJson } from './schemas.ts';

const longestMessage = 200;

/** `next`: query for the rest of the list; `null`: it is complete. */
export function explanationJson(explanation: Explanation, next: string | null): ExplanationJson {
  const { repo, tier, window, at, figures, failingSince, withoutLeadTime, uncounted, pipelines } =
    explanation;
  return {
    repo,
    tier,
    window: windowJson(window, at),
    figures: figuresJson(figures),
    failing_since: failingSince === 0 ? null : iso(failingSince),
    without_lead_time: withoutLeadTime,
    not_counted: [...uncounted],
    pipelines: pipelines.map(pipelineJson),
    truncated: next !== null,
    next,
  };
}

function pipelineJson({
  place,
  record,
  repoId,
  url,
  verdict,
  missedPart,
}: ExplainedPipeline): ExplanationJson['pipelines'][number] {
  const pipeline = {
    repo_id: repoId,
    number: place.number,
    url,
    at: iso(place.at),
    status: record.status,
    event: record.event,
    branch: record.branch,
    deploy_to: record.deployTo,
    commit: record.commit,
    message: firstLine(record.message, longestMessage),
  };
  if (verdict.kind === 'uncounted') {
    return {
      ...{ ...pipeline, counted: false, reason: verdict.reason },
      ...(missedPart && { not_reached: missedPartJson(missedPart) }),
    };
  }
  const { deployment, episode, delivery } = verdict.part;
  return {
    ...pipeline,
    counted: true,
    outcome: deployment.outcome,
    ...verdictJson(deployment),
    episode:
      episode.kind === 'none'
        ? episode
        : episode.kind === 'closed'
          ? {
              kind: 'closed',
              failing_since: iso(episode.since),
              recovery_seconds: episode.recoverySeconds,
            }
          : { kind: episode.kind, failing_since: iso(episode.since) },
    lead_time:
      delivery?.kind === 'known'
        ? {
            ...delivery,
            commits: delivery.commits.map(({ id, leadTimeSeconds }) => ({ id, seconds: leadTimeSeconds })),
          }
        : delivery,
  };
}

function missedPartJson({ workflows, steps, isPresent, stop }: MissedPart): MissedPartJson {
  const copy = (globs: readonly string[] | null) => globs && [...globs];
  return { workflows: copy(workflows), steps: copy(steps), present: isPresent, stopped_at: stop };
}

function verdictJson({ verdict, repair, mark }: Deployment) {
  const { causes, shownBy, incidents, failure, isRework } = verdict;
  return {
    failure:
      causes.length === 0
        ? null
        : {
            causes: [...causes],
            shown_by: [...shownBy],
            incidents: incidents.map(({ id, start, end }) => ({
              id,
              started: iso(start),
              resolved: end === null ? null : iso(end),
            })),
            recovered: failure === null || failure.end === null ? null : iso(failure.end),
            recovered_by: failure?.endedBy ?? null,
            repaired_by: failure?.repairedBy ?? null,
          },
    repairs: repair && {
      rolls_back: repair.undoes,
      reverts: [...repair.reverts],
      repairs: repair.repairs,
    },
    mark: mark?.kind ?? null,
    rework: isRework,
  };
}

export function figuresJson(figures: WindowFigures): FiguresJson {
  const values: Record<string, unknown> = {};
  for (const { key, json } of windowFields) values[json] = figures[key];
  return { ...(values as FiguresJson), coverage_ratio: figures.coverage };
}

export function incidentsJson({ incidents, others }: IncidentList): IncidentsJson {
  return {
    incidents: incidents.map((one) => ({
      id: one.id,
      kind: one.kind,
      repo: one.repo,
      tier: one.tier,
      known: one.isOfPair,
      started: iso(one.start),
      resolved: one.end === null ? null : iso(one.end),
      stale: one.isStale,
      received: one.receivedAt === null ? null : iso(one.receivedAt),
      title: one.title,
      url: one.url,
      deployment: one.deployment,
    })),
    others,
  };
}

export function scoreJson({ overall, missing, figures }: Score): ScoreJson {
  return { overall, missing: [...missing], ...figures };
}

export function windowJson({ name, seconds }: Window, at: number): z.infer<typeof WindowJson> {
  return { name, seconds, from: iso(at - seconds), to: iso(at) };
}

/** The query of the next page, with the same time, limit and choice; `null`: this page is the last. */
export function nextOf(
  { repo, tier, window, at, next }: Explanation,
  { show, limit }: { readonly show: Listing; readonly limit: number | undefined },
): string | null {
  if (!next) return null;
  return `?${new URLSearchParams({
    ...{ repo, tier, window: window.name, at: iso(at) },
    ...(show !== 'everything' && { show }),
    ...(limit !== undefined && { limit: String(limit) }),
    before: `${next.at}.${next.number}.${next.repo}`,
  })}`;
}

/** Parses the query's `before`: time, number and key of the repo, separated by dots. */
export function toPlace(text: string): Place {
  const [at = 0, number = 0, repo = 0] = text.split('.').map(Number);
  return { at, number, repo };
}
