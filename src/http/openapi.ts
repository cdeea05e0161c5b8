/**
 * The service's description as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html): its routes, who may use them, and
 * what they answer.
 */

import type { Window } from '../core/policy.ts';
import { DoraQuery } from './dora-route.ts';
import { ExplainQuery } from './explain-route.ts';
import { HistoryQuery } from './history-route.ts';
import { incidentPaths } from './openapi-incidents.ts';
import {
  json,
  page,
  problem,
  readerSecurity,
  refusedIntake,
  signature,
  signatures,
  text,
  unavailable,
  unread,
} from './openapi-parts.ts';
import { componentSchemas, type Json, parametersOf, ref } from './openapi-schemas.ts';
import { OverviewQuery } from './overview-route.ts';

export function openApi(version: string, windows: readonly Window[]): Json {
  const figures = { tags: ['figures'], security: readerSecurity };
  const admin = { tags: ['backfill'], security: [{ adminToken: [] }] };
  const health = { tags: ['health'], security: [] };
  const readiness = {
    ...health,
    responses: { 200: text('Ready'), 503: text('Not ready, and why') },
  };
  const liveness = { ...health, responses: { 200: text('It can serve') } };
  const explainParameters = parametersOf(ExplainQuery(windows, 0));
  const unanswerable = { 404: problem('Nothing of that name'), 422: problem('Query is not as expected') };
  return {
    openapi: '3.1.1',
    info: {
      title: 'woodpecker-dora-exporter',
      version,
      description: 'DORA figures of pipelines on Woodpecker CI, and where they come from.',
    },
    servers: [{ url: '..', description: 'Where this description is served' }],
    tags: [
      { name: 'figures', description: 'Read-only; on the address of the metrics where that is another' },
      { name: 'intake' },
      { name: 'operators', description: 'What people say of incidents and deployments' },
      { name: 'backfill' },
      { name: 'health' },
    ],
    paths: {
      '/': {
        get: {
          ...figures,
          operationId: 'showOverview',
          summary: 'What is failing now and how the figures develop, as a page for people',
          parameters: parametersOf(OverviewQuery(windows, 0)),
          responses: { 200: page('The page'), ...unread, ...unanswerable, 503: unavailable },
        },
      },
      '/operations': {
        get: {
          ...figures,
          operationId: 'showOperations',
          summary: 'How the exporter itself is doing, as a page for people',
          responses: { 200: page('The page'), ...unread },
        },
      },
      '/page.js': {
        get: {
          tags: ['figures'],
          security: [],
          operationId: 'script',
          summary: 'Script of the pages',
          responses: { 200: text('The script', 'text/javascript; charset=utf-8') },
        },
      },
      '/metrics': {
        get: {
          ...figures,
          operationId: 'scrape',
          summary: 'Figures for Prometheus',
          responses: {
            200: text('Text format 0.0.4', 'text/plain; version=0.0.4; charset=utf-8'),
            ...unread,
          },
        },
      },
      '/explain': {
        get: {
          ...figures,
          operationId: 'showExplanation',
          summary: 'Why the figures of a repo and tier are what they are, as a page for people',
          parameters: explainParameters,
          responses: { 200: page('The page'), ...unread, ...unanswerable, 503: unavailable },
        },
      },
      '/api/explain': {
        get: {
          ...figures,
          operationId: 'explain',
          summary: 'Why the figures of a repo and tier are what they are, pipeline by pipeline',
          parameters: explainParameters,
          responses: {
            200: json('The figures, and what each pipeline brought to them', 'Explanation'),
            ...unread,
            ...unanswerable,
            503: unavailable,
          },
        },
      },
      '/api/dora': {
        get: {
          ...figures,
          operationId: 'listFigures',
          summary: 'The five figures of all tiers and pairs over a window, with their scores',
          description:
            'With `at`, as they were shown at that moment, to the minute: later deployments, incidents and ends change nothing',
          parameters: parametersOf(DoraQuery(windows, 0)),
          responses: {
            200: json('The same figures as the metrics, or as a page of that moment', 'Dora'),
            ...unread,
            ...unanswerable,
            503: unavailable,
          },
        },
      },
      '/api/history': {
        get: {
          ...figures,
          operationId: 'listHistory',
          summary: 'How the five figures of a tier, or of one repo in it, developed',
          description:
            'At most 100 windows, each as it was shown at its end, had the exporter run then and known what it knows now. ' +
            'Without `to`, the last one ends now, or up to a minute ago if nothing has changed since',
          parameters: parametersOf(HistoryQuery(windows, 0)),
          responses: {
            200: json('The figures at the end of each window', 'History'),
            ...unread,
            ...unanswerable,
            503: unavailable,
          },
        },
      },
      ...incidentPaths(),
      '/api/openapi.json': {
        get: {
          ...figures,
          operationId: 'describe',
          summary: 'This description',
          responses: {
            200: {
              description: 'OpenAPI 3.1',
              content: { 'application/json': { schema: { type: 'object' } } },
            },
            ...unread,
          },
        },
      },
      '/webhook': {
        post: {
          tags: ['intake'],
          security: [{ webhookSecret: [] }, ...signatures],
          operationId: 'receive',
          summary: 'Tell of a pipeline',
          requestBody: {
            required: true,
            description: 'At most 1 MiB; the content type does not matter',
            content: {
              'application/json': { schema: { anyOf: [ref('Event'), ref('Build'), ref('StepReport')] } },
            },
          },
          responses: {
            202: json('Committed, and what became of it', 'WebhookResult'),
            ...refusedIntake,
          },
        },
      },
      '/backfill': {
        get: {
          ...admin,
          operationId: 'listBackfills',
          summary: 'Backfills, newest first',
          responses: {
            200: {
              description: 'The newest ones',
              content: { 'application/json': { schema: { type: 'array', items: ref('BackfillSummary') } } },
            },
            ...unread,
            503: unavailable,
          },
        },
        post: {
          ...admin,
          operationId: 'startBackfill',
          summary: 'Read a range of history again',
          parameters: [
            {
              name: 'wait',
              in: 'query',
              description: 'Whether to answer only at its end',
              schema: { type: 'boolean', default: false },
            },
          ],
          requestBody: {
            description: 'At most 64 KiB',
            content: { 'application/json': { schema: ref('BackfillRequest') } },
          },
          responses: {
            200: { ...json('How it went', 'BackfillSummary'), headers: location },
            202: { ...json('It has begun', 'BackfillSummary'), headers: location },
            400: problem('Body is not JSON, or ends too soon'),
            ...unread,
            409: problem('One is running, or there is no Woodpecker to read from'),
            413: problem('Body is too large'),
            415: problem('Body is compressed'),
            422: problem('Body is not as expected'),
            503: unavailable,
          },
        },
      },
      '/backfill/{id}': {
        get: {
          ...admin,
          operationId: 'showBackfill',
          summary: 'How a backfill goes',
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            200: json('How it goes', 'BackfillSummary'),
            ...unread,
            404: problem('No such backfill'),
            503: unavailable,
          },
        },
      },
      '/healthz': { get: { ...liveness, operationId: 'healthz', summary: 'Whether it can serve' } },
      '/-/healthy': { get: { ...liveness, operationId: 'healthy', summary: 'Whether it can serve' } },
      '/readyz': { get: { ...readiness, operationId: 'readyz', summary: 'Whether it is ready' } },
      '/-/ready': { get: { ...readiness, operationId: 'ready', summary: 'Whether it is ready' } },
    },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        metricsToken: {
          type: 'http',
          scheme: 'bearer',
          description: '`DORA_METRICS_TOKEN`, where it is set',
        },
        metricsPassword: { type: 'http', scheme: 'basic', description: 'The same as password, any user' },
        adminToken: { type: 'http', scheme: 'bearer', description: '`DORA_ADMIN_TOKEN`' },
        incidentSecret: {
          type: 'http',
          scheme: 'bearer',
          description: '`DORA_INCIDENT_SECRET`; without a Woodpecker URL also `DORA_WEBHOOK_SECRET`',
        },
        webhookSecret: { type: 'http', scheme: 'bearer', description: '`DORA_WEBHOOK_SECRET`' },
        hubSignature: signature('X-Hub-Signature-256', '`sha256=` and the HMAC-SHA256 of the body, in hex'),
        droneSignature: signature('X-Drone-Signature', '`sha256=` and the HMAC-SHA256 of the body, in hex'),
        webhookId: signature('webhook-id', 'Standard Webhooks'),
        webhookTimestamp: signature('webhook-timestamp', 'Standard Webhooks'),
        webhookSignature: signature('webhook-signature', 'Standard Webhooks'),
      },
    },
  };
}

const location = { Location: { description: 'Address of its progress', schema: { type: 'string' } } };
