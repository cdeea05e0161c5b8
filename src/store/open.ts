/** Opens the store that a path names. */

import { openMemoryStore, openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

/** `:memory:` is lost with the process; another path is an SQLite file, created with its folder if it is missing. */
export function openStore(path: string): Store {
  return path === ':memory:' ? openMemoryStore() : openSqliteStore(path);
}
