/** The routes as OpenAPI describes them. */

import type { Window } from '../core/policy.ts';
import { DoraQuery } from './dora-route.ts';
import { ExplainQuery } from './explain-route.ts';
import { HistoryQuery } from './history-route.ts';
import { MarkQuery } from './incident-routes.ts';
import { IncidentsQuery } from './list-incidents-route.ts';
import { type AnswerName, type BodyName, type Json, parametersOf, ref } from './openapi-schemas.ts';
import { OverviewQuery } from './overview-route.ts';

/** Each shows that the sender knows the secret. */
const signatures = [
  { hubSignature: [] },
  { droneSignature: [] },
  { webhookId: [], webhookTimestamp: [], webhookSignature: [] },
];

/** The tag of each group of routes, and who may use it: each of the alternatives is enough. */
const groups = {
  // Without a token in the settings, everybody may read the figures.
  figures: { tags: ['figures'], security: [{ metricsToken: [] }, { metricsPassword: [] }, {}] },
  script: { tags: ['figures'], security: [] },
  webhooks: { tags: ['intake'], security: [{ webhookSecret: [] }, ...signatures] },
  alerts: { tags: ['intake'], security: [{ incidentSecret: [] }, ...signatures] },
  operators: { tags: ['operators'], security: [{ adminToken: [] }] },
  backfill: { tags: ['backfill'], security: [{ adminToken: [] }] },
  health: { tags: ['health'], security: [] },
};

const problems = {
  400: 'Body is not JSON, or ends too early',
  401: 'Token, secret or signature is wrong or missing',
  404: 'There is nothing of that name',
  409: 'Another backfill is running, or there is no Woodpecker to read from',
  413: 'Body is too large',
  415: 'Body is compressed',
  422: 'Query or body is not as expected',
  503: 'The store cannot be used now, or too many large bodies arrive; another try may succeed',
};

interface Details {
  readonly description?: string;
  readonly parameters?: readonly Json[];
  readonly requestBody?: Json;
  /** Answers that are no problem, by status. */
  readonly answers: Readonly<Record<number, Json>>;
  readonly problems?: readonly (keyof typeof problems)[];
}

export function describeRoutes(windows: readonly Window[]): Json {
  const explainParameters = parametersOf(ExplainQuery(windows, 0));
  return {
    '/': {
      get: operation('figures', 'showOverview', 'What is failing now, and the figures over time, as a page', {
        parameters: parametersOf(OverviewQuery(windows, 0)),
        answers: { 200: page },
        problems: [401, 404, 422, 503],
      }),
    },
    '/operations': {
      get: operation('figures', 'showOperations', 'The state of the exporter itself, as a page', {
        answers: { 200: page },
        problems: [401],
      }),
    },
    '/page.js': {
      get: operation('script', 'script', 'Script of the pages', {
        answers: { 200: text('The script', 'text/javascript; charset=utf-8') },
      }),
    },
    '/metrics': {
      get: operation('figures', 'scrape', 'Figures for Prometheus', {
        answers: { 200: text('Text format 0.0.4', 'text/plain; version=0.0.4; charset=utf-8') },
        problems: [401],
      }),
    },
    '/explain': {
      get: operation('figures', 'showExplanation', 'The pipelines behind the figures of a repo, as a page', {
        parameters: explainParameters,
        answers: { 200: page },
        problems: [401, 404, 422, 503],
      }),
    },
    '/api/explain': {
      get: operation('figures', 'explain', 'The pipelines behind the figures of a repo and tier', {
        parameters: explainParameters,
        answers: { 200: json('The figures, and the part of each pipeline in them', 'Explanation') },
        problems: [401, 404, 422, 503],
      }),
    },
    '/api/dora': {
      get: operation('figures', 'listFigures', 'The five figures of all tiers and pairs, with their scores', {
        description:
          'With `at`, as they were shown at that moment, to the minute: later deployments, incidents and ends change nothing',
        parameters: parametersOf(DoraQuery(windows, 0)),
        answers: { 200: json('The figures of the metrics, or of a page of that moment', 'Dora') },
        problems: [401, 404, 422, 503],
      }),
    },
    '/api/history': {
      get: operation(
        'figures',
        'listHistory',
        'The five figures of a tier, or of one repo in it, over time',
        {
          description:
            'At most 100 windows, each as it was shown at its end, if the exporter had run then and known what it knows now. ' +
            'Without `to`, the last one ends now, or up to a minute ago if nothing has changed since',
          parameters: parametersOf(HistoryQuery(windows, 0)),
          answers: { 200: json('The figures at the end of each window', 'History') },
          problems: [401, 404, 422, 503],
        },
      ),
    },
    '/api/incidents': {
      get: operation('figures', 'listIncidents', 'Incidents, newest first', {
        parameters: parametersOf(IncidentsQuery),
        answers: { 200: json('Incidents of alerts and of reports', 'Incidents') },
        problems: [401, 422, 503],
      }),
    },
    '/api/openapi.json': {
      get: operation('figures', 'describe', 'This description', {
        answers: { 200: content('OpenAPI 3.1', { type: 'object' }) },
        problems: [401],
      }),
    },
    '/webhook': {
      post: operation('webhooks', 'receive', 'Report a pipeline', {
        requestBody: bodyOf('At most 1 MiB, of any content type', 'Event', 'Build', 'StepReport'),
        answers: { 202: json('It is committed', 'WebhookResult') },
        problems: [400, 401, 413, 415, 422, 503],
      }),
    },
    '/incidents': {
      post: operation('alerts', 'reportIncidents', 'Report incidents', {
        requestBody: bodyOf(
          'A body of Alertmanager or Grafana, or a report of one incident. At most 1 MiB, of any content type',
          'Alerts',
          'IncidentReport',
        ),
        answers: { 202: json('It is committed', 'IncidentResult') },
        problems: [400, 401, 413, 415, 422, 503],
      }),
    },
    '/incidents/{id}': {
      delete: operation('operators', 'withdrawIncident', 'Withdraw an incident', {
        parameters: [inPath('id', 'string')],
        answers: { 204: { description: 'It is withdrawn' } },
        problems: [401, 404, 503],
      }),
    },
    '/deployments/{repo}/{number}/mark': {
      put: operation('operators', 'markDeployment', 'Mark a deployment as failed, as fine, or as none', {
        parameters: markParameters,
        requestBody: bodyOf('At most 64 KiB', 'MarkRequest'),
        answers: { 200: json('The mark', 'Mark') },
        problems: [400, 401, 404, 413, 415, 422, 503],
      }),
      delete: operation('operators', 'unmarkDeployment', 'Remove a mark', {
        parameters: markParameters,
        answers: { 204: { description: 'There is no mark' } },
        problems: [401, 404, 422, 503],
      }),
    },
    '/backfill': {
      get: operation('backfill', 'listBackfills', 'Backfills, newest first', {
        answers: { 200: content('The newest backfills', { type: 'array', items: ref('BackfillSummary') }) },
        problems: [401, 503],
      }),
      post: operation('backfill', 'startBackfill', 'Read a range of history again', {
        parameters: [waitParameter],
        requestBody: { ...bodyOf('At most 64 KiB', 'BackfillRequest'), required: false },
        answers: {
          200: { ...json('Its result', 'BackfillSummary'), headers: location },
          202: { ...json('It has begun', 'BackfillSummary'), headers: location },
        },
        problems: [400, 401, 409, 413, 415, 422, 503],
      }),
    },
    '/backfill/{id}': {
      get: operation('backfill', 'showBackfill', 'The progress of a backfill', {
        parameters: [inPath('id', 'string')],
        answers: { 200: json('Its progress', 'BackfillSummary') },
        problems: [401, 404, 503],
      }),
    },
    '/healthz': { get: operation('health', 'healthz', 'Whether it can serve', liveness) },
    '/-/healthy': { get: operation('health', 'healthy', 'Whether it can serve', liveness) },
    '/readyz': { get: operation('health', 'readyz', 'Whether it is ready', readiness) },
    '/-/ready': { get: operation('health', 'ready', 'Whether it is ready', readiness) },
  };
}

const page = text('The page', 'text/html; charset=utf-8');
const location = { Location: { description: 'Address of its progress', schema: { type: 'string' } } };
const liveness: Details = { answers: { 200: text('It can serve') } };
const readiness: Details = { answers: { 200: text('Ready'), 503: text('The reason why it is not ready') } };
const waitParameter = {
  name: 'wait',
  in: 'query',
  description: 'Whether to answer only at its end',
  schema: { type: 'boolean', default: false },
};
const markParameters = [
  { ...inPath('repo', 'string'), description: 'owner/name; its slashes need no encoding' },
  { ...inPath('number', 'integer'), description: 'Number of the pipeline' },
  ...parametersOf(MarkQuery),
];

function operation(
  group: keyof typeof groups,
  operationId: string,
  summary: string,
  { answers, problems: statuses = [], ...details }: Details,
): Json {
  const failures = statuses.map((status) => {
    const type = 'application/problem+json';
    return [status, content(problems[status], ref('Problem'), type)];
  });
  const responses = { ...answers, ...Object.fromEntries(failures) };
  return { ...groups[group], operationId, summary, ...details, responses };
}

function content(description: string, schema: Json, type = 'application/json'): Json {
  return { description, content: { [type]: { schema } } };
}

function json(description: string, name: AnswerName): Json {
  return content(description, ref(name));
}

function text(description: string, type = 'text/plain; charset=utf-8'): Json {
  return content(description, { type: 'string' }, type);
}

function bodyOf(description: string, ...names: readonly BodyName[]): Json {
  return { ...content(description, { anyOf: names.map(ref) }), required: true };
}

function inPath(name: string, type: 'string' | 'integer'): Json {
  return { name, in: 'path', required: true, schema: { type } };
}
