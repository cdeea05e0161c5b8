/** Scans of a repo's list of pipelines; one at a time for each repo, since two would overwrite each other's progress. */

import { createQueue, type Queue } from '../util/serial-queue.ts';
import { type Range, readRange } from './rescan-range.ts';
import type { Counts, Intake } from './store-page.ts';
import { type CatchUp, type CatchUpOptions, createCatchUp } from './sync-repo.ts';

export interface Scans {
  /** Reads what happened in the repo since the last scan. */
  readonly catchUp: CatchUp;
  /** Reads all pipelines created in a range again; `isDry` stores nothing. */
  readRange(repoKey: number, range: Range, isDry: boolean, signal: AbortSignal): Promise<Counts>;
}

export function createScans(intake: Intake, options: CatchUpOptions): Scans {
  const catchUp = createCatchUp(intake, options);
  const queues = new Map<number, Queue>();
  const alone = <T>(repoKey: number, scan: () => Promise<T>): Promise<T> => {
    const queue = queues.get(repoKey) ?? createQueue();
    queues.set(repoKey, queue);
    return queue.run(scan);
  };
  return {
    catchUp: (repoKey, ...rest) => alone(repoKey, () => catchUp(repoKey, ...rest)),
    readRange: (repoKey, ...rest) => alone(repoKey, () => readRange(intake, repoKey, ...rest)),
  };
}
