/** Which store a path means. */

import { openMemoryStore, openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

/** `:memory:` keeps nothing; all else is an SQLite file, created with its folder if it is missing. */
export function openStore(path: string): Store {
  return path === ':memory:' ? openMemoryStore() : openSqliteStore(path);
}
