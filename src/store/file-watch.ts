/**
 * Notices changes that other programs make to the files of an open database.
 *
 * SQLite keeps using the files that it has opened. If somebody removes the log, commits go into a nameless file and are
 * lost with the process: they must not be acknowledged. Nor does SQLite notice that another program, such as `cp
 * backup.db dora.db`, has written into a file. A check takes some ten microseconds, a commit hundreds.
 *
 * The header of the index describes the files, see https://www.sqlite.org/walformat.html#walidxfmt. All connections
 * keep it up to date, so other programs may read, write and checkpoint through SQLite.
 */

import { closeSync, openSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import { endianness } from 'node:os';
import { describeLinks, lockPathOf } from './sole-writer.ts';

const indexHeadBytes = 136;
const [logHeadBytes, frameHeadBytes] = [32, 24];
/** Offset of the number of checkpointed pages in the result of `readIndex`. */
const checkpointedAt = 48;
const isLittle = endianness() === 'LE';

export interface FileFault {
  readonly what: string;
  /** Whether the files that this process has open still contain all commits. */
  readonly isWhole: boolean;
}

export interface FileWatch {
  /**
   * A change to the files that forbids commits; `null`: there was none. `isCheckpointing`: whether a thread of this
   * process is writing to the database file.
   */
  fault(isCheckpointing: boolean): FileFault | null;
  /** Pages that are in the log alone after the last commit. */
  logPages(): number;
  /** Checks the files after a commit. Returns whether a restart will find the commit. */
  noteCommit(): boolean;
  close(): void;
}

/** Watches a database that is open for writing, in WAL mode: all its files exist. Close it after the database. */
export function watchFiles(path: string): FileWatch {
  const place = realpathSync(path);
  const parts = { database: path, log: `${place}-wal`, index: `${place}-shm`, lock: lockPathOf(path) };
  const opened = {
    database: identityOf(look(parts.database)),
    log: identityOf(look(parts.log)),
    index: identityOf(look(parts.index)),
    lock: identityOf(look(parts.lock)),
  };
  // It stays open, since closing it would release SQLite's locks in this process.
  const indexFile = openSync(parts.index, 'r');
  /** Length of the log, how much of it was copied into the database, and how much somebody has begun to copy. */
  const readIndex = (): Buffer => {
    const head = Buffer.alloc(indexHeadBytes);
    readSync(indexFile, head, 0, indexHeadBytes, 0);
    return Buffer.concat([head.subarray(0, 48), head.subarray(96, 100), head.subarray(128, 132)]);
  };
  let written = { at: look(parts.database)?.mtimeMs, index: readIndex() };

  const gone = (name: string, part: string) => ({
    what: `${name} "${part}" was removed or replaced`,
    isWhole: true,
  });
  return {
    fault(isCheckpointing) {
      const [database, log, index, lock] = [look(path), look(parts.log), look(parts.index), look(parts.lock)];
      if (!database || identityOf(database) !== opened.database) return gone('Database', path);
      if (!log || identityOf(log) !== opened.log) return gone('Log', parts.log);
      if (identityOf(index) !== opened.index) return gone('Index', parts.index);
      // Even without the lock file no other exporter starts, since this one has the database open.
      if (lock && identityOf(lock) !== opened.lock) {
        const what = `Lock "${parts.lock}" was replaced, so that another exporter may have started`;
        return { what, isWhole: true };
      }
      const links = describeLinks(database.nlink);
      if (links) return { what: `Database "${path}" cannot be used: ${links}`, isWhole: true };
      const state = readIndex();
      if (log.size < logBytes(state)) return { what: `Log "${parts.log}" was cut`, isWhole: false };
      // SQLite writes only the log's content into the database, and notes its progress in the index.
      if (!isCheckpointing && database.mtimeMs !== written.at && state.equals(written.index)) {
        return { what: `Database "${path}" was written by another program than SQLite`, isWhole: false };
      }
      return null;
    },
    noteCommit() {
      const [database, log] = [look(path), look(parts.log)];
      written = { at: database?.mtimeMs, index: readIndex() };
      return identityOf(database) === opened.database && identityOf(log) === opened.log;
    },
    logPages: () => framesIn(written.index) - readNumber(written.index, checkpointedAt),
    close: () => closeSync(indexFile),
  };
}

export const watchNothing: FileWatch = {
  fault: () => null,
  noteCommit: () => true,
  logPages: () => 0,
  close: () => undefined,
};

/** Watches only whether the path still leads to the same file. */
export function watchPlace(path: string): FileWatch {
  const opened = identityOf(look(path));
  return {
    ...watchNothing,
    fault: () =>
      identityOf(look(path)) === opened
        ? null
        : { what: `Database "${path}" was removed or replaced`, isWhole: true },
  };
}

/** Least length of the log, by the header of the index, whose numbers have the machine's byte order. */
function logBytes(index: Buffer): number {
  const pageSize = isLittle ? index.readUInt16LE(14) : index.readUInt16BE(14);
  const frames = framesIn(index);
  if (frames === 0) return 0;
  // 65,536 does not fit and is written as 1.
  return logHeadBytes + frames * (frameHeadBytes + (pageSize === 1 ? 65_536 : pageSize));
}

/** Number of pages in the log; a page counts each time that it was written. */
function framesIn(index: Buffer): number {
  return readNumber(index, 16);
}

function readNumber(index: Buffer, at: number): number {
  return isLittle ? index.readUInt32LE(at) : index.readUInt32BE(at);
}

function look(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** Identity of the file; `null`: there is none. */
function identityOf(stats: Stats | undefined): string | null {
  return stats ? `${stats.dev}/${stats.ino}` : null;
}
