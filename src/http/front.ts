/**
 * Listens on the service's addresses from the start of the process. Until the service is ready to serve, it answers health
 * checks, and other requests with 503 and `Retry-After`. Later it can replace its app without closing a connection.
 */

import { Hono } from 'hono';
import { codeOf } from '../util/error-code.ts';
import type { Log } from '../util/log.ts';
import { type AppDependencies, createApp, healthy } from './app.ts';
import { problem } from './problem.ts';
import { type EndedRequest, listen, type Server } from './server.ts';

export interface Front {
  readonly servers: readonly Server[];
  /** Serves an app with these dependencies from now on. */
  serve(dependencies: AppDependencies): void;
}

export interface FrontOptions {
  readonly address: Address;
  /** The address of figures and pages; `null`: `address` serves them, too. */
  readonly metricsAddress: Address | null;
  readonly log: Log;
  /** Logs each request at the level "debug". It has a cost at every level, so set it only with "debug". */
  readonly logsRequests: boolean;
}

type Address = Parameters<typeof listen>[1];

/** Rejects if it cannot listen on an address, with the name of the setting and the reason. */
export async function openFront({
  address,
  metricsAddress,
  log,
  logsRequests,
}: FrontOptions): Promise<Front> {
  const onRequest = logsRequests
    ? ({ method, path, status, ms }: EndedRequest) => log.debug('Request', { method, path, status, ms })
    : undefined;
  const main = createSwitchableApp();
  const metrics = createSwitchableApp();
  const servers = [await listenAt('DORA_LISTEN', main, address, onRequest)];
  if (metricsAddress) {
    servers.push(await listenAt('DORA_METRICS_LISTEN', metrics, metricsAddress, onRequest));
  }
  let isServing = false;
  return {
    servers,
    serve(dependencies) {
      main.open(createApp(dependencies, metricsAddress ? 'intake' : 'all'));
      if (metricsAddress) metrics.open(createApp(dependencies, 'metrics'));
      if (isServing) return;
      isServing = true;
      const [first, second] = servers;
      log.info('Listening', { address: first?.address });
      if (second) log.info('Listening for metrics and status', { address: second.address });
    },
  };
}

/** Passes requests to the last app of `open`; before the first, to one that answers 503. */
function createSwitchableApp(): Pick<Hono, 'fetch'> & { open(app: Hono): void } {
  let app = createStartingApp();
  return {
    fetch: (...request) => app.fetch(...request),
    open(next) {
      app = next;
    },
  };
}

function createStartingApp(): Hono {
  const app = new Hono();
  const detail = 'The exporter is starting: it reads its database';
  for (const path of ['/healthz', '/-/healthy']) app.get(path, healthy);
  app.notFound(() => problem(503, { detail, headers: { 'retry-after': '5' } }));
  return app;
}

async function listenAt(
  setting: string,
  ...[app, address, onRequest]: Parameters<typeof listen>
): Promise<Server> {
  try {
    return await listen(app, address, onRequest);
  } catch (cause) {
    const reason = listenReasons[String(codeOf(cause))];
    const at = `cannot listen on ${address.host}:${address.port}`;
    throw new Error(`${setting}: ${at}${reason ? `, ${reason}` : ''}`, { cause });
  }
}

const listenReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not use that port',
  ENOTFOUND: 'no host has that name',
  EAI_AGAIN: 'that name cannot be looked up now',
};
