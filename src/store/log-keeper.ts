/**
 * Keeps the log short by checkpoints.
 *
 * SQLite checkpoints whole transactions in one stretch, which grows with their pages. After a large transaction, a thread
 * does it while the event loop goes on.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { checkpointPassively } from './checkpoint.ts';
import { isSqliteError } from './sqlite-errors.ts';
import type { Connection } from './sqlite-file.ts';

export interface LogKeeper {
  /** Call it after each commit. */
  tend(connection: Connection): void;
  /** Whether a thread may be writing to the database file. */
  readonly isThreadActive: boolean;
  /** Fulfils once no thread is active. */
  idle(): Promise<void>;
}

/** Pages of a log of 16 MB: pages that change often are written to the file once. */
const longLog = 4000;
/** A checkpoint of so many pages takes about 40 ms. */
const mostInLoop = 8000;

/** `checkpointElsewhere`: checkpoints the database at the path outside of the event loop. */
export function createLogKeeper(checkpointElsewhere = checkpointInThread): LogKeeper {
  let active: Promise<void> | null = null;
  let hasFailed = false;

  const checkpointHere = ({ database, watch }: Connection): void => {
    try {
      checkpointPassively(database);
    } catch (error) {
      // The log contains all commits. If something is wrong, the next commit reports it.
      if (!isSqliteError(error)) throw error;
    }
    watch.noteCommit();
  };
  return {
    tend(connection) {
      const pages = connection.watch.logPages();
      if (active || pages < longLog) return;
      if (!connection.path || pages <= mostInLoop || hasFailed) {
        checkpointHere(connection);
        return;
      }
      active = checkpointElsewhere(connection.path)
        .catch(() => {
          hasFailed = true;
        })
        .finally(() => {
          active = null;
        });
    },
    get isThreadActive() {
      return active !== null;
    },
    async idle() {
      await active;
    },
  };
}

async function checkpointInThread(path: string): Promise<void> {
  const thread = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData: { path } });
  await once(thread, 'exit');
}
