/**
 * The schemas of the service's description, by name, as OpenAPI writes them. The same schemas check requests and shape
 * answers.
 */

import { z } from 'zod';
import { AlertsBody, ReportBody } from '../sources/incident-bodies.ts';
import { webhookBodies } from '../sources/webhook.ts';
import { BackfillBody } from './backfill-routes.ts';
import { CountedPipelineJson, ExplanationJson, UncountedPipelineJson } from './explanation-schemas.ts';
import { MarkBody } from './incident-routes.ts';
import {
  BackfillSummaryJson,
  DoraJson,
  FiguresJson,
  HistoryJson,
  IncidentResultJson,
  IncidentsJson,
  MarkJson,
  PairFiguresJson,
  ProblemJson,
  ScoreJson,
  TierFiguresJson,
  WebhookResultJson,
  WindowJson,
} from './schemas.ts';

export type Json = Readonly<Record<string, unknown>>;

const answers = {
  BackfillSummary: BackfillSummaryJson,
  CountedPipeline: CountedPipelineJson,
  Dora: DoraJson,
  Explanation: ExplanationJson,
  Figures: FiguresJson,
  History: HistoryJson,
  IncidentResult: IncidentResultJson,
  Incidents: IncidentsJson,
  Mark: MarkJson,
  PairFigures: PairFiguresJson,
  Problem: ProblemJson,
  Score: ScoreJson,
  TierFigures: TierFiguresJson,
  UncountedPipeline: UncountedPipelineJson,
  WebhookResult: WebhookResultJson,
  Window: WindowJson,
};
export type AnswerName = keyof typeof answers;

const bodies = {
  Alerts: AlertsBody,
  BackfillRequest: BackfillBody(0),
  Build: webhookBodies.build,
  Event: webhookBodies.event,
  IncidentReport: ReportBody,
  MarkRequest: MarkBody,
  StepReport: webhookBodies.report,
};
export type BodyName = keyof typeof bodies;

const parameterWords: Readonly<Record<string, string>> = {
  repo: 'owner/name, in any case',
  tier: 'Tier of the policy',
  window: 'One of the policy’s windows',
  at: 'End of the window: a time such as 2026-01-01T00:00:00Z, an age such as 7d, or a day, which means its end; by default now',
  show: 'Which pipelines to list: everything, deployments, or failed deployments',
  limit: 'Most items of the list, from 1 to 1000',
  from: 'End of the first window, a time or an age; by default there are twelve windows',
  to: 'Latest end of the last window, a time or an age; by default now',
  step: 'Time between two ends, such as 1d or 12h; by default the length of the window',
  sort: 'Column by which the table is sorted; a leading - reverses the order',
  open: 'Whether to list open incidents only',
  before: 'Start of the rest of the list, from `next` of an earlier answer',
};

/** The schemas that `ref` can name. */
export function componentSchemas(): Json {
  return { ...schemasOf(answers, 'output'), ...schemasOf(bodies, 'input') };
}

export function ref(name: AnswerName | BodyName): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** The parameters of a query with this schema. */
export function parametersOf(query: z.ZodType): readonly Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    description: parameterWords[name],
    schema,
  }));
}

/** Schemas that refer to each other by their names. */
function schemasOf(named: Readonly<Record<string, z.ZodType>>, io: 'input' | 'output'): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    override: ({ jsonSchema }) => {
      delete jsonSchema.$id;
      delete jsonSchema.$schema;
      // The format implies the pattern, and any number of JSON is within these bounds.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return schemas;
}
