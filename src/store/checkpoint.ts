/** Copies the log into the database file: https://www.sqlite.org/pragma.html#pragma_wal_checkpoint */

import type { DatabaseSync } from 'node:sqlite';

/**
 * Returns whether the database file on disk then contains all of the log. Waits for readers as long as the connection waits
 * for a lock.
 */
export function checkpoint(database: DatabaseSync): boolean {
  const row = database.prepare('PRAGMA wal_checkpoint(FULL)').get();
  return row?.['busy'] === 0;
}

/** Checkpoints as much of the log as possible without waiting for anybody. */
export function checkpointPassively(database: DatabaseSync): void {
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
}
