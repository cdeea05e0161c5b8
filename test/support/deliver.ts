/** Passes reports of pipelines to ingest, as sources do. */

import type { PipelineRecord } from '../../src/core/pipeline.ts';
import type { RepoFacts } from '../../src/core/repo.ts';
import type { Ingest, Observed } from '../../src/ingest/ingest.ts';

type Submit = Pick<Ingest, 'submit'>;

/** Delivers a live report. */
export async function deliver(
  { submit }: Submit,
  repo: RepoFacts,
  record: PipelineRecord,
): Promise<Observed['result']> {
  const observed = await submit({ kind: 'report', repo, record });
  if (observed === 'limit') throw new Error(`A limit turns ${repo.fullName} away`);
  return observed.result;
}

/** Delivers a page of a repo's list, in one transaction. The pipelines are pending until the scan ends. */
export async function deliverPage(
  { submit }: Submit,
  facts: RepoFacts,
  records: readonly PipelineRecord[],
): Promise<readonly Observed['result'][]> {
  const repoId = idOf(facts);
  const [, observed] = await Promise.all([
    submit({ kind: 'repos', repos: [facts] }),
    submit({ kind: 'page', repoId, records, unread: [], covered: null }),
  ]);
  return observed.map(({ result }) => result);
}

/** Ends the first scan of a repo. Its pipelines are then known since `knownSince`, in Unix seconds. */
export async function endFirstScan(
  { submit }: Submit,
  facts: Pick<RepoFacts, 'woodpeckerId'>,
  { horizon = 0, knownSince = horizon }: { readonly horizon?: number; readonly knownSince?: number } = {},
): Promise<void> {
  const repoId = idOf(facts);
  const end = { watermark: 0, startedAt: 0, hasReachedHorizon: true, isWhole: true, isQuiet: false };
  await Promise.all([
    submit({ kind: 'horizon', repoId, horizon }),
    submit({ ...end, kind: 'endOfScan', repoId, knownFrom: knownSince }),
  ]);
}

/** Ends a later scan of a repo. */
export async function endLaterScan(
  { state, submit }: Pick<Ingest, 'state' | 'submit'>,
  repoId: number,
): Promise<void> {
  const since = state.repoById(repoId)?.knownSince ?? 0;
  await submit({ kind: 'endOfRescan', repoId, since, until: null });
}

/** Only Woodpecker, which knows the id of each repo, has lists to scan. */
function idOf({ woodpeckerId }: Pick<RepoFacts, 'woodpeckerId'>): number {
  if (woodpeckerId === null) throw new Error('A repo without an id cannot be scanned');
  return woodpeckerId;
}
