/**
 * A Woodpecker server for tests: a real HTTP server on 127.0.0.1. On the routes that the exporter uses, it behaves as the
 * given version of Woodpecker, with tables in memory that outlive its restarts. Tests write history, run pipelines, break
 * the network in many ways, and compare with the tables as the truth.
 *
 * Guarantees: wire shapes, permissions, paging, stream bytes and the odd ends of pipelines are those of the version; there
 * is no randomness, and all times in the data are of the injected clock. The files in `fake-woodpecker/` say what they do
 * not imitate: above all agents, queues, forges, and every route that writes.
 *
 *     await using woodpecker = await startFakeWoodpecker({ version: '3.17.0' });
 *     const repo = woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
 *     woodpecker.addPipeline(repo, { event: 'deployment', status: 'failure', finished: 1_785_500_390 });
 *     woodpecker.fault({ match: '/api/repos', answer: { status: 500 }, times: 2 });
 *     await fetch(`${woodpecker.url}/api/user/repos`, { headers: { authorization: `Bearer ${woodpecker.userToken}` } });
 */

import { createDatabase } from './fake-woodpecker/database.ts';
import { createFaults } from './fake-woodpecker/faults.ts';
import { createLifeCycle } from './fake-woodpecker/life-cycle.ts';
import { createRest } from './fake-woodpecker/rest.ts';
import { createFakeServer } from './fake-woodpecker/server.ts';
import { createStreams } from './fake-woodpecker/stream.ts';
import { parseVersion } from './fake-woodpecker/version.ts';

export type { Fault, FaultAnswer, FaultHandle } from './fake-woodpecker/faults.ts';
export type { PipelineInput, StepInput, WorkflowInput } from './fake-woodpecker/history.ts';
export type { CreateInput } from './fake-woodpecker/life-cycle.ts';
export type {
  Event,
  Pipeline,
  Repo,
  Status,
  Step,
  User,
  Workflow,
} from './fake-woodpecker/model.ts';
export { events, isActive, statuses } from './fake-woodpecker/model.ts';
export type { RecordedRequest } from './fake-woodpecker/server.ts';

export interface FakeWoodpeckerOptions {
  /** `3.17.0` by default; 2.0 and later. */
  readonly version?: string;
  /** Unix seconds; the real clock by default. */
  readonly now?: () => number;
  /** Root path of all routes, such as `/ci`; none by default. */
  readonly rootPath?: string;
  /** By default 0: the system picks a port. */
  readonly port?: number;
  /** Silence on a stream before a ping; 30 s by default, as in Woodpecker. */
  readonly pingIntervalMs?: number;
}

export type FakeWoodpecker = ReturnType<typeof createFakeWoodpecker>;

export function createFakeWoodpecker(options: FakeWoodpeckerOptions = {}) {
  const now = options.now ?? (() => Math.floor(Date.now() / 1000));
  const rootPath = (options.rootPath ?? '').replace(/\/+$/, '');
  let current = parseVersion(options.version ?? '3.17.0');
  const version = () => current;

  const database = createDatabase({ now, version });
  const faults = createFaults();
  const streams = createStreams({ database, version, pingIntervalMs: options.pingIntervalMs ?? 30_000 });
  const lifeCycle = createLifeCycle({ database, now, version, publish: streams.publish });
  const server = createFakeServer({
    port: options.port ?? 0,
    rootPath,
    now,
    versionText: () => current.text,
    userByToken: database.userByToken,
    faults,
    streams,
    answer: createRest({ database, version }),
  });
  database.addUser({ login: 'root', admin: true });
  database.addUser({ login: 'alice' });

  return {
    ...database,
    ...lifeCycle,

    fault: faults.fault,
    clearFaults: faults.clearFaults,
    onRequest: faults.onRequest,
    /** The event stream's own faults and figures. */
    streams,

    /** Throws before the first start. Stays the same over restarts. */
    get url(): string {
      return server.url;
    },
    get version(): string {
      return current.text;
    },
    /** Token of `root`, a server administrator. */
    get adminToken(): string {
      return database.user('root')?.token ?? '';
    },
    /** Token of `alice`, who sees only the repos on which she has a right. */
    get userToken(): string {
      return database.user('alice')?.token ?? '';
    },
    badToken: 'token-of-nobody',

    /** Every request since the start or `clearRequests`, in order of arrival, streams included. */
    get requests() {
      return server.requests;
    },
    clearRequests: server.clearRequests,
    get concurrency() {
      return server.concurrency;
    },
    get isRunning(): boolean {
      return server.isRunning;
    },

    start: server.start,
    /** Breaks all connections at once; the tables stay. */
    stop: server.stop,
    /** The same port and tables, perhaps another version; streams are lost. */
    async restart(change: { readonly version?: string } = {}): Promise<void> {
      await server.stop();
      if (change.version !== undefined) current = parseVersion(change.version);
      await server.start();
    },
    close: server.stop,
    [Symbol.asyncDispose]: server.stop,
  };
}

/** Starts a fake Woodpecker; it listens when this fulfils. */
export async function startFakeWoodpecker(options: FakeWoodpeckerOptions = {}): Promise<FakeWoodpecker> {
  const woodpecker = createFakeWoodpecker(options);
  await woodpecker.start();
  return woodpecker;
}
