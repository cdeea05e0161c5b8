/** The routes of incidents and marks, as OpenAPI describes them. */

import { IncidentsQuery } from './api-routes.ts';
import { MarkQuery } from './incident-routes.ts';
import {
  json,
  problem,
  readerSecurity,
  refusedIntake,
  signatures,
  unavailable,
  unread,
} from './openapi-parts.ts';
import { type Json, parametersOf, ref } from './openapi-schemas.ts';

export function incidentPaths(): Json {
  const figures = { tags: ['figures'], security: readerSecurity };
  const operators = { tags: ['operators'], security: [{ adminToken: [] }] };
  return {
    '/api/incidents': {
      get: {
        ...figures,
        operationId: 'listIncidents',
        summary: 'Incidents, newest first',
        parameters: parametersOf(IncidentsQuery),
        responses: {
          200: json('Those of alerts and of reports', 'Incidents'),
          ...unread,
          422: problem('Query is not as expected'),
          503: unavailable,
        },
      },
    },
    '/incidents': {
      post: {
        tags: ['intake'],
        security: [{ incidentSecret: [] }, ...signatures],
        operationId: 'reportIncidents',
        summary: 'Tell of incidents',
        requestBody: {
          required: true,
          description:
            'What Alertmanager or Grafana sends to a webhook, or a report of one incident. At most 1 MiB; the content type does not matter',
          content: { 'application/json': { schema: { anyOf: [ref('Alerts'), ref('IncidentReport')] } } },
        },
        responses: {
          202: json('Committed, and what became of it', 'IncidentResult'),
          ...refusedIntake,
        },
      },
    },
    '/incidents/{id}': {
      delete: {
        ...operators,
        operationId: 'withdrawIncident',
        summary: 'Withdraw an incident',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          204: { description: 'It is withdrawn' },
          ...unread,
          404: problem('No such incident'),
          503: unavailable,
        },
      },
    },
    '/deployments/{repo}/{number}/mark': {
      put: {
        ...operators,
        operationId: 'markDeployment',
        summary: 'Say that a deployment failed, did not, or was none',
        parameters: markParameters,
        requestBody: {
          required: true,
          description: 'At most 64 KiB',
          content: { 'application/json': { schema: ref('MarkRequest') } },
        },
        responses: {
          200: json('The mark', 'Mark'),
          400: problem('Body is not JSON, or ends too soon'),
          ...unread,
          404: problem('No such pipeline'),
          413: problem('Body is too large'),
          415: problem('Body is compressed'),
          422: problem('Query or body is not as expected'),
          503: unavailable,
        },
      },
      delete: {
        ...operators,
        operationId: 'unmarkDeployment',
        summary: 'Take a mark back',
        parameters: markParameters,
        responses: {
          204: { description: 'There is no mark' },
          ...unread,
          404: problem('No such pipeline'),
          422: problem('Query is not as expected'),
          503: unavailable,
        },
      },
    },
  };
}

const markParameters = [
  {
    name: 'repo',
    in: 'path',
    required: true,
    description: 'owner/name; its slashes may stand as they are',
    schema: { type: 'string' },
  },
  {
    name: 'number',
    in: 'path',
    required: true,
    description: 'Of the pipeline',
    schema: { type: 'integer' },
  },
  ...parametersOf(MarkQuery),
];
