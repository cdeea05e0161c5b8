/**
 * The requests that ingest carries out. A request is a value: a source says what has happened, and never runs code in a
 * transaction. Each kind has one function, which has no other effects than those on its unit of work.
 */

import { foldOlder, storeCommits } from './requests/commits.ts';
import { storeHint } from './requests/hint.ts';
import { storeAlerts, storeIncident, withdrawIncident } from './requests/incidents.ts';
import { dropMark, storeMark } from './requests/marks.ts';
import { dropFollow, storeFailedPoll, storePollAnswer } from './requests/polls.ts';
import { observe, storeReport } from './requests/report.ts';
import { endRepo, storeRepos } from './requests/repos.ts';
import { endRescan, endScan, fixHorizon, observePage } from './requests/scans.ts';
import { correctClock, dropOldTexts, judgeDue, probeStore, storeBackfill } from './requests/upkeep.ts';
import { storeWorkflows } from './requests/workflows.ts';
import type { UnitOfWork } from './unit-of-work.ts';

const requests = {
  hint: storeHint,
  report: storeReport,
  observe,
  pollAnswer: storePollAnswer,
  failedPoll: storeFailedPoll,
  dropFollow,
  repos: storeRepos,
  repoGone: endRepo,
  horizon: fixHorizon,
  page: observePage,
  endOfScan: endScan,
  endOfRescan: endRescan,
  workflows: storeWorkflows,
  commits: storeCommits,
  foldOlder,
  alerts: storeAlerts,
  incident: storeIncident,
  withdrawal: withdrawIncident,
  mark: storeMark,
  dropMark,
  clock: correctClock,
  backfill: storeBackfill,
  judgeDue,
  dropOldTexts,
  probe: probeStore,
};

type Requests = typeof requests;
export type RequestKind = keyof Requests;

/** A request of the kind `K`: the kind, and the values that its function takes. */
export type Request<K extends RequestKind = RequestKind> = {
  [P in K]: { readonly kind: P } & ValuesOf<Requests[P]>;
}[K];
/** `object` if the function takes none. */
type ValuesOf<F> = F extends (uow: UnitOfWork, values: infer V) => unknown
  ? unknown extends V
    ? object
    : V
  : never;

/** The answer to a request of the kind `K`. */
export type Answer<K extends RequestKind> = Awaited<ReturnType<Requests[K]>>;

export function carryOut(uow: UnitOfWork, request: Request): Promise<unknown> {
  const work: (uow: UnitOfWork, values: never) => Promise<unknown> = requests[request.kind];
  return work(uow, request as never);
}
