/**
 * The database during the life of a store: reopens it when it becomes writable, and closes it for good when its files
 * can no longer be trusted.
 */

import type { DatabaseSync } from 'node:sqlite';
import { checkpoint } from './checkpoint.ts';
import type { FileFault } from './file-watch.ts';
import { createLogKeeper } from './log-keeper.ts';
import { asStoreError, isReadOnlyRefusal, isSqliteError } from './sqlite-errors.ts';
import type { Connection, View } from './sqlite-file.ts';
import { StoreDamaged, StoreUnavailable, StoreUnusable } from './store.ts';

export interface Session {
  /** Begins a transaction, and returns its connection. Throws `StoreUnavailable` if writing is impossible. */
  begin(): DatabaseSync;
  /** Throws unless a restart will find the whole transaction. */
  commit(): void;
  /** Ends a failed transaction, and returns the cause as an error of `store.ts`. */
  rollBack(cause: unknown): unknown;
  close(): Promise<void>;
}

export function createSession(first: Connection, log = createLogKeeper()): Session {
  let connection = first;
  /** Why the database can only be read; `null`: it can be written. */
  let refusal: StoreUnavailable | null = null;
  /** Why nothing works until the next start. */
  let end: StoreUnavailable | null = null;
  /** Errors so far, by fault of the files: the log is saved once per fault. */
  const met = new Map<string, StoreUnavailable>();

  const meet = (fault: FileFault): StoreUnavailable => {
    const known = met.get(fault.what);
    if (known) return known;
    const error = new StoreUnavailable(`${fault.what}. ${saveAndAdvise(connection.database, fault)}`);
    met.set(fault.what, error);
    return error;
  };
  /** A read-only database may have become writable. */
  const tryToWrite = (view: View): void => {
    try {
      connection = view.reopen();
      refusal = connection.view?.reason ?? null;
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) throw error;
      refusal = new StoreUnavailable(error.message, { cause: error });
      if (!connection.database.isOpen) throw refusal;
    }
  };

  return {
    begin() {
      if (end) throw end;
      const fault = connection.watch.fault(log.isThreadActive);
      if (fault) throw meet(fault);
      if (connection.view) tryToWrite(connection.view);
      connection.database.exec(connection.begin);
      return connection.database;
    },
    commit() {
      connection.database.exec('COMMIT');
      if (connection.watch.noteCommit()) {
        log.tend(connection);
        return;
      }
      // The commit succeeded, but perhaps in a file that no restart finds. Sending again changes nothing.
      end = meet({ what: 'A file of the database was removed during a commit', isWhole: true });
      throw end;
    },
    rollBack(cause) {
      const { database } = connection;
      if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
      if (refusal && isReadOnlyRefusal(cause)) return refusal;
      const error = asStoreError(cause);
      // A backup will replace the database, and commits until then would be lost.
      if (error instanceof StoreDamaged) end = error;
      return error;
    },
    async close() {
      await log.idle();
      connection.close();
    },
  };
}

/** Saves the log if possible, and says what to do. */
function saveAndAdvise(database: DatabaseSync, { isWhole }: FileFault): string {
  return isWhole && saveLog(database)
    ? 'All that was acknowledged is in the database file: restart the exporter'
    : 'Some of what was acknowledged may be lost: restart the exporter, and if it does not start, restore a backup';
}

/** Copies all commits into the database file, while this process can still read the log. */
function saveLog(database: DatabaseSync): boolean {
  try {
    return checkpoint(database);
  } catch (error) {
    if (isSqliteError(error)) return false;
    throw error;
  }
}
