/**
 * The routes: the right that each needs, and its answer. Does not listen on an address.
 *
 * Guarantees: cheap checks of a request come before expensive ones; no request causes a 500; no answer contains internals.
 */

import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { contentType, type Exposition } from '../metrics/exposition.ts';
import { renderOperationsPage } from '../pages/operations-page.ts';
import { pageHeaders, pageScript } from '../pages/page.ts';
import type { Status } from '../pages/status.ts';
import type { Backfill } from '../sources/backfill.ts';
import type { OnEvent } from '../sources/event-labels.ts';
import type { Incidents } from '../sources/incidents.ts';
import type { Webhook } from '../sources/webhook.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { coalesce } from '../util/coalesce.ts';
import { describeError, type Log } from '../util/log.ts';
import { type ApiDependencies, createApiContext } from './api-context.ts';
import { hasBasicPassword, hasBearer, type Secret, toSecret } from './auth.ts';
import { backfillRoutes } from './backfill-routes.ts';
import { doraRoute } from './dora-route.ts';
import { explainRoutes } from './explain-route.ts';
import { historyRoute } from './history-route.ts';
import { incidentRoutes } from './incident-routes.ts';
import { createIntakeRoutes } from './intake-route.ts';
import { json } from './json.ts';
import { listIncidentsRoute } from './list-incidents-route.ts';
import { openApi } from './openapi.ts';
import { overviewRoute } from './overview-route.ts';
import { problem } from './problem.ts';
import { asPage, problemPages } from './problem-page.ts';
import { createRefusals, type Refusals, type RefusedKind } from './refusals.ts';

export interface AppDependencies {
  readonly webhook: Webhook;
  readonly incidents: Incidents;
  readonly backfill: Backfill;
  readonly exposition: Exposition;
  readonly version: string;
  readonly status: () => Promise<Status>;
  readonly api: ApiDependencies;
  /** Why the service is not ready; `null`: it is ready. */
  readonly notReady: () => Promise<string | null>;
  readonly webhookSecrets: readonly string[];
  readonly incidentSecrets: readonly string[];
  readonly adminTokens: readonly string[];
  readonly metricsToken: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly onEvent: OnEvent;
}

/**
 * The routes of an app besides health. With two addresses, `intake` has the routes for webhooks and alerts, and `metrics`
 * the routes with figures.
 */
export type AppSide = 'all' | 'intake' | 'metrics';

export function createApp(deps: AppDependencies, side: AppSide): Hono {
  const app = new Hono();
  const refusals = createRefusals(deps.log, deps.clock);
  route(app, '/healthz', { GET: healthy });
  route(app, '/-/healthy', { GET: healthy });
  route(app, '/readyz', { GET: () => ready(deps) });
  route(app, '/-/ready', { GET: () => ready(deps) });
  if (side !== 'metrics') {
    const intake = createIntakeRoutes({ ...deps, refusals });
    const { webhook, incidents, webhookSecrets, incidentSecrets } = deps;
    route(app, '/webhook', {
      POST: intake({
        kind: 'webhook',
        secrets: webhookSecrets,
        secretName: 'webhook secret',
        receive: (body) => webhook.receive(body),
      }),
    });
    route(app, '/incidents', {
      POST: intake({
        kind: 'incident',
        secrets: incidentSecrets,
        secretName: 'incident secret',
        receive: (body) => incidents.receive(body),
      }),
    });
    const { list, show, start } = backfillRoutes(deps.backfill, () => nowSeconds(deps.clock));
    const adminTokens = deps.adminTokens.map(toSecret);
    const refuse = refuser(refusals, 'admin', {
      detail: 'Expected the admin token as a bearer token',
      challenge: 'Bearer',
    });
    const admin = (handler: Handler) => withToken([hasBearer], adminTokens, refuse, handler);
    route(app, '/backfill', { POST: admin(start), GET: admin(list) });
    route(app, '/backfill/:id', { GET: admin(show) });
    const { withdraw, mark, unmark } = incidentRoutes(incidents, () => nowSeconds(deps.clock));
    route(app, '/incidents/:id', { DELETE: admin(withdraw) });
    route(app, '/deployments/:repo{.+}/:number{[0-9]+}/mark', { PUT: admin(mark), DELETE: admin(unmark) });
  }
  if (side !== 'intake') {
    const tokens = deps.metricsToken === null ? null : [toSecret(deps.metricsToken)];
    const refuse = refuser(refusals, 'reader', {
      detail:
        'Expected the metrics token as password of HTTP Basic, with any user name, or as a bearer token',
      challenge: 'Basic realm="woodpecker-dora-exporter"',
    });
    const reader = (handler: Handler) => withToken([hasBearer, hasBasicPassword], tokens, refuse, handler);
    route(app, '/metrics', { GET: reader((c) => scrape(deps, c)) });
    for (const page of ['/', '/explain', '/operations']) app.use(page, problemPages);
    const renderOperations = coalesce(async () => renderOperationsPage(await deps.status()));
    route(app, '/operations', {
      GET: reader(async (c) => c.body(await renderOperations(), 200, pageHeaders)),
    });
    const api = createApiContext(deps.api);
    const explain = explainRoutes(api);
    route(app, '/', { GET: reader(overviewRoute(api, deps.status)) });
    // The script contains no figures, so it needs no token.
    route(app, pageScript.path, { GET: (c) => c.body(pageScript.text, 200, pageScript.headers) });
    route(app, '/explain', { GET: reader(explain.asPage) });
    route(app, '/api/explain', { GET: reader(explain.asJson) });
    route(app, '/api/dora', { GET: reader(doraRoute(api)) });
    route(app, '/api/history', { GET: reader(historyRoute(api)) });
    route(app, '/api/incidents', { GET: reader(listIncidentsRoute(api)) });
    const description = openApi(deps.version, api.windows);
    route(app, '/api/openapi.json', { GET: reader(() => json(description)) });
  }
  app.notFound((c) => (side === 'intake' ? problem(404) : asPage(c, problem(404))));
  app.onError((error) => answerError(deps.log, error));
  return app;
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Handler = (c: Context) => Promise<Response> | Response;

/** Adds a route. It answers other methods with 405. */
function route(app: Hono, path: string, handlers: Readonly<Partial<Record<Method, Handler>>>): void {
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
  const allow = Object.keys(handlers)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ');
  app.all(path, () => problem(405, { headers: { allow } }));
}

/** A handler that calls `refuse` unless one of the `ways` finds a valid token. `tokens` `null`: no token is needed. */
function withToken(
  ways: readonly ((headers: Headers, secrets: readonly Secret[]) => boolean)[],
  tokens: readonly Secret[] | null,
  refuse: () => Response,
  handler: Handler,
): Handler {
  return (c) => {
    if (tokens === null || ways.some((way) => way(c.req.raw.headers, tokens))) return handler(c);
    return refuse();
  };
}

/** Returns a function that counts a refusal and makes the 401. `challenge`: the value of `WWW-Authenticate`. */
function refuser(
  refusals: Refusals,
  what: RefusedKind,
  { detail, challenge }: { readonly detail: string; readonly challenge: string },
): () => Response {
  return () => {
    refusals.note(what, 401);
    return problem(401, { detail, headers: { 'www-authenticate': challenge } });
  };
}

export function healthy(): Response {
  return new Response('OK\n', { headers: { 'content-type': 'text/plain; charset=utf-8' } });
}

async function ready({ notReady }: AppDependencies): Promise<Response> {
  const reason = await notReady();
  return new Response(reason === null ? 'OK\n' : `${reason}\n`, {
    status: reason === null ? 200 : 503,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  });
}

async function scrape({ exposition }: AppDependencies, c: Context): Promise<Response> {
  const headers = { 'content-type': contentType, vary: 'accept-encoding' };
  const accepted = c.req.header('accept-encoding') ?? '';
  if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(accepted)) {
    return c.body(bodyOf(await exposition.plain()), 200, headers);
  }
  return c.body(bodyOf(await exposition.gzip()), 200, { ...headers, 'content-encoding': 'gzip' });
}

function answerError(log: Log, error: Error): Response {
  if (error instanceof StoreUnavailable) {
    return problem(503, { detail: 'The store cannot be written now', headers: { 'retry-after': '5' } });
  }
  if (error instanceof HTTPException) return problem(error.status);
  log.error('Request failed unexpectedly', { error: describeError(error) });
  return problem(500);
}

/** For Hono's types: these bytes are always in a plain ArrayBuffer. */
function bodyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
