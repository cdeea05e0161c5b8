/**
 * The service's description as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html): its routes, who may use them, and
 * what they answer.
 */

import type { Window } from '../core/policy.ts';
import { describeRoutes } from './openapi-routes.ts';
import { componentSchemas, type Json } from './openapi-schemas.ts';

export function openApi(version: string, windows: readonly Window[]): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'woodpecker-dora-exporter',
      version,
      description: 'DORA figures of pipelines on Woodpecker CI, and the pipelines behind them.',
    },
    servers: [{ url: '..', description: 'The address of this description' }],
    tags: [
      { name: 'figures', description: 'Read-only; on the address of the metrics if that is another' },
      { name: 'intake' },
      { name: 'operators', description: 'Withdrawn incidents, and marks on deployments' },
      { name: 'backfill' },
      { name: 'health' },
    ],
    paths: describeRoutes(windows),
    components: { schemas: componentSchemas(), securitySchemes },
  };
}

const securitySchemes = {
  metricsToken: bearer('`DORA_METRICS_TOKEN`, if it is set'),
  metricsPassword: { type: 'http', scheme: 'basic', description: 'The same as password, with any user name' },
  adminToken: bearer('`DORA_ADMIN_TOKEN`'),
  incidentSecret: bearer('`DORA_INCIDENT_SECRET`; without a Woodpecker URL also `DORA_WEBHOOK_SECRET`'),
  webhookSecret: bearer('`DORA_WEBHOOK_SECRET`'),
  hubSignature: header('X-Hub-Signature-256', '`sha256=` and the HMAC-SHA256 of the body, in hex'),
  droneSignature: header('X-Drone-Signature', '`sha256=` and the HMAC-SHA256 of the body, in hex'),
  webhookId: header('webhook-id', 'Standard Webhooks'),
  webhookTimestamp: header('webhook-timestamp', 'Standard Webhooks'),
  webhookSignature: header('webhook-signature', 'Standard Webhooks'),
};

function bearer(description: string): Json {
  return { type: 'http', scheme: 'bearer', description };
}

function header(name: string, description: string): Json {
  return { type: 'apiKey', in: 'header', name, description };
}
