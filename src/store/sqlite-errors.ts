/** From SQLite's errors to the errors of the store. */

import { codeOf } from '../util/error-code.ts';
import { StoreDamaged, StoreUnavailable } from './store.ts';

/** Busy, locked, no memory, read-only, I/O, corrupt, full, cannot open, protocol: https://www.sqlite.org/rescode.html */
const unavailableCodes = new Set([5, 6, 7, 8, 10, 11, 13, 14, 15]);
/** Errors of a full disk and of a read-only file system, of SQLite and of the system: read-only, I/O, full. */
const unwritableCodes = new Set<unknown>([8, 10, 13, 'ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS']);
const lostCodes = new Set<unknown>(['ENOENT', 'ELOOP']);
const deniedCodes = new Set<unknown>(['EACCES', 'EPERM', 'EROFS', 'ENOENT']);

/** SQLite's own faults make the store unavailable; other errors, such as a refused value, are the caller's. */
export function asStoreError(cause: unknown): unknown {
  if (!isSqliteError(cause) || !unavailableCodes.has(cause.errcode & 0xff)) return cause;
  if (isDamage(cause)) {
    return new StoreDamaged(`Store is damaged, restore a backup: ${cause.message}`, { cause });
  }
  return new StoreUnavailable(`Store cannot commit: ${cause.message}`, { cause });
}

export function isSqliteError(error: unknown): error is Error & { errcode: number } {
  return codeOf(error) === 'ERR_SQLITE_ERROR';
}

/** SQLITE_BUSY is 5: https://www.sqlite.org/rescode.html */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 5;
}

/** SQLITE_READONLY is 8: https://www.sqlite.org/rescode.html */
export function isReadOnlyRefusal(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 8;
}

/** The file cannot be written now, though this user has the right: another try may succeed. */
export function isUnwritable(error: unknown): boolean {
  if (isDamage(error)) return false;
  return unwritableCodes.has(isSqliteError(error) ? error.errcode & 0xff : codeOf(error));
}

/** SQLITE_NOTADB is 26: https://www.sqlite.org/rescode.html */
export function isNotADatabase(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === 26;
}

/** SQLITE_CORRUPT is 11, and SQLITE_IOERR_SHORT_READ, of a file that was cut, 522: https://www.sqlite.org/rescode.html */
export function isDamage(error: unknown): boolean {
  return isSqliteError(error) && ((error.errcode & 0xff) === 11 || error.errcode === 522);
}

/** SQLITE_CANTOPEN is 14, SQLITE_READONLY 8: https://www.sqlite.org/rescode.html; or the system's codes for these. */
export function isNotToBeOpened(error: unknown): boolean {
  if (isSqliteError(error)) return [14, 8].includes(error.errcode & 0xff);
  return deniedCodes.has(codeOf(error));
}

/** The system says that the path does not exist. */
export function isLost(error: unknown): boolean {
  return lostCodes.has(codeOf(error));
}
