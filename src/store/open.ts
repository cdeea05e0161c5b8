/** Which store a path means. */

import { createMemoryStore } from './memory.ts';
import { openSqliteStore } from './sqlite.ts';
import type { Store } from './store.ts';

/** `:memory:` keeps nothing; all else is an SQLite file, created with its folder where there is none. */
export function openStore(path: string): Store {
  return path === ':memory:' ? createMemoryStore() : openSqliteStore(path);
}
