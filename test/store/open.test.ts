import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/sqlite.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

describe('openStore', () => {
  it('opens a path as a file, and makes its folder', async () => {
    const folder = createTemporaryFolder();
    const path = folder.pathOf('data/dora.db');
    await openStore(path).close();
    expect(existsSync(path)).toBe(true);
    folder.remove();
  });

  it('keeps nothing of `:memory:`, and makes no file of that name', async () => {
    const store = openStore(':memory:');
    await store.transact((tx) => tx.meta.put('policy', 'a'));
    await store.close();
    const again = openStore(':memory:');
    expect(await again.transact((tx) => tx.meta.get('policy'))).toBeNull();
    await again.close();
    expect(existsSync(':memory:')).toBe(false);
  });
});
