/** Scans of a repo's list of pipelines. One at a time for each repo, since two would overwrite each other's progress. */

import { createQueue, type Queue } from '../util/serial-queue.ts';
import type { ScanDependencies } from './dependencies.ts';
import { type Range, rescanRange } from './rescan-range.ts';
import type { Counts } from './store-page.ts';
import { createRepoSync, type SyncRepo, type SyncRepoOptions } from './sync-repo.ts';

export interface Scans {
  /** Reads the pipelines that are new or changed since the last scan. */
  readonly syncRepo: SyncRepo;
  /** Reads all pipelines created in a range, also known ones. `isDry`: stores nothing. */
  rescanRange(repoKey: number, range: Range, isDry: boolean, signal: AbortSignal): Promise<Counts>;
}

export function createScans(dependencies: ScanDependencies, options: SyncRepoOptions): Scans {
  const syncRepo = createRepoSync(dependencies, options);
  const queues = new Map<number, Queue>();
  const alone = <T>(repoKey: number, scan: () => Promise<T>): Promise<T> => {
    const queue = queues.get(repoKey) ?? createQueue();
    queues.set(repoKey, queue);
    return queue.run(scan);
  };
  return {
    syncRepo: (repoKey, ...rest) => alone(repoKey, () => syncRepo(repoKey, ...rest)),
    rescanRange: (repoKey, ...rest) => alone(repoKey, () => rescanRange(dependencies, repoKey, ...rest)),
  };
}
