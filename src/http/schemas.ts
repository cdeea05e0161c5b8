/**
 * Schemas of JSON answers, but for explanations (`explanation-schemas.ts`): the types of the answers and the OpenAPI
 * description come from them. The figures describe their own fields. Names are part of the contract. Times are ISO 8601,
 * durations are seconds, rates and ratios are from 0 to 1.
 */

import { z } from 'zod';
import { ignoreReasons } from '../core/classification.ts';
import { markKinds } from '../core/failures/operator-mark.ts';
import { quickCheckFigures } from '../core/figures/index.ts';
import type { Field, ValueOf } from '../core/figures/shown-figure.ts';
import { mapRecord } from '../core/map-record.ts';
import { scoredFigures } from '../core/quick-check-score.ts';
import { causes } from '../core/verdict.ts';
import { type WindowField, windowFields } from '../core/windows/window-figures.ts';
import type { BackfillSummary } from '../sources/backfill.ts';
import { eventResults } from '../sources/event-labels.ts';

export const instant = z.iso.datetime();
export const count = z.int().nonnegative();
export const seconds = z.number().nonnegative();
const ratio = z.number().min(0).max(1);
const score = z.number().min(0).max(10);

export const ProblemJson = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z
    .array(z.strictObject({ path: z.string(), message: z.string() }))
    .optional()
    .describe('The mistakes, each with its part of the request'),
});

export const WebhookResultJson = z.strictObject({
  result: z.enum(eventResults).exclude(['rejected']),
  reason: z
    .enum([...ignoreReasons, 'not_ended', 'unverifiable'])
    .optional()
    .describe('Reason why it is ignored'),
});

const incidentOutcome = {
  result: z.enum(['stored', 'duplicate', 'ignored']),
  reason: z.enum(['no_rule', 'own_alert', 'limit']).optional().describe('Reason why it is ignored'),
};
export const IncidentResultJson = z.strictObject({
  ...incidentOutcome,
  alerts: z
    .array(z.strictObject({ fingerprint: z.string(), ...incidentOutcome }))
    .optional()
    .describe('Results of the alerts in the body; if one is stored, so is the result of the body'),
});

export const MarkJson = z.strictObject({
  repo: z.string(),
  number: z.int(),
  tier: z.string(),
  mark: z.enum(markKinds),
  recovered: instant.nullable(),
  reason: z.string().nullable(),
  marked: instant,
});
export type MarkJson = z.infer<typeof MarkJson>;

export const IncidentsJson = z.strictObject({
  incidents: z
    .array(
      z.strictObject({
        id: z.string(),
        kind: z.enum(['alert', 'report']),
        repo: z.string(),
        tier: z.string(),
        known: z.boolean().describe('Whether the repo and tier exist; the incident counts only then'),
        started: instant,
        resolved: instant.nullable().describe('null while it is open'),
        stale: z
          .boolean()
          .describe('Whether it no longer counts as open, because the alert was not sent again'),
        received: instant.nullable().describe('When an alert was last received'),
        title: z.string().nullable(),
        url: z.string().nullable(),
        deployment: z.int().nullable().describe('Number of the pipeline that the report names'),
      }),
    )
    .describe('Newest first, without withdrawn incidents'),
  others: count.describe('Number of further incidents'),
});
export type IncidentsJson = z.infer<typeof IncidentsJson>;

export const BackfillSummaryJson = z.strictObject({
  id: z.string(),
  state: z.enum(['running', 'done', 'failed', 'interrupted']),
  started: instant,
  finished: instant.nullable(),
  dry_run: z.boolean(),
  repos: count.describe('Number of repos read so far'),
  pipelines: z.strictObject({ scanned: count, stored: count, duplicate: count, ignored: count }),
  errors: z.array(z.strictObject({ repo: z.string(), message: z.string() })),
  message: z.string().exactOptional().describe('A note: nothing matched, or the result of a dry run'),
}) satisfies z.ZodType<BackfillSummary>;

export const WindowJson = z.strictObject({
  name: z.string(),
  seconds: z.int().positive(),
  from: instant.describe('Start of the window, exclusive'),
  to: instant.describe('End of the window, inclusive'),
});

const timeFigure = z.strictObject({
  samples: count,
  median: seconds.nullable(),
  p95: seconds.nullable().describe('95th percentile'),
});

const valueSchemas = {
  count,
  countOrNull: count.nullable(),
  countByCause: z.partialRecord(z.enum(causes), count),
  rate: z.number().nonnegative().nullable(),
  ratio: ratio.nullable(),
  time: timeFigure,
} satisfies Record<Field['type'], z.ZodType>;

function valueSchema({ type, description }: Field): z.ZodType {
  return description === undefined ? valueSchemas[type] : valueSchemas[type].describe(description);
}

export type FiguresJson = {
  readonly [One in WindowField as One['json']]: ValueOf<One>;
} & { readonly coverage_ratio: number };

/** Zod cannot infer a type from a list of fields. */
export const FiguresJson = z.strictObject({
  ...Object.fromEntries(windowFields.map((field) => [field.json, valueSchema(field)])),
  coverage_ratio: ratio.describe('Share of the window that is known'),
}) as z.ZodType as z.ZodType<FiguresJson>;

const figureScore = z
  .strictObject({
    score,
    class: z
      .strictObject({ number: z.int().min(1).max(6), words: z.string() })
      .nullable()
      .describe('null if the figure is a percentage'),
  })
  .nullable();

export const ScoreJson = z.strictObject({
  overall: score.nullable().describe('Mean of the known scores'),
  missing: z
    .array(z.enum(scoredFigures))
    .describe('Figures without a score: unknown, or nothing of the window is known'),
  ...mapRecord(quickCheckFigures, () => figureScore),
});
export type ScoreJson = z.infer<typeof ScoreJson>;

const measured = {
  figures: FiguresJson.nullable().describe('null if the longest window contains no deployment'),
  score: ScoreJson.nullable(),
};
export const TierFiguresJson = z.strictObject({ tier: z.string(), ...measured });
export const PairFiguresJson = z.strictObject({ repo: z.string(), tier: z.string(), ...measured });
export type PairFiguresJson = z.infer<typeof PairFiguresJson>;

export const DoraHeadJson = z.strictObject({
  window: WindowJson,
  quick_check: z.strictObject({
    edition: z.string(),
    published_means: z.record(z.enum(scoredFigures), score),
  }),
});
export const DoraJson = DoraHeadJson.extend({
  tiers: z.array(TierFiguresJson).describe('Each tier over all its repos; empty if the query names a repo'),
  pairs: z.array(PairFiguresJson),
});

export const HistoryJson = z.strictObject({
  repo: z.string().nullable().describe('null: over all repos of the tier'),
  tier: z.string(),
  window: z.strictObject({ name: z.string(), seconds: z.int().positive() }),
  points: z
    .array(
      z.strictObject({
        end: instant.describe('End of the window, inclusive'),
        figures: FiguresJson.nullable().describe('null if nothing was shown then'),
        score: ScoreJson.nullable(),
      }),
    )
    .describe('In order of time'),
});
export type HistoryJson = z.infer<typeof HistoryJson>;
