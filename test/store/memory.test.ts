import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/store/memory.ts';
import { describeStore } from './contract.ts';

describeStore('createMemoryStore', async () => ({ store: createMemoryStore(), discard: () => undefined }));

describe('createMemoryStore', () => {
  it('shares nothing with another store', async () => {
    const [one, other] = [createMemoryStore(), createMemoryStore()];
    await one.transact((tx) => tx.meta.put('policy', 'a'));
    expect(await other.transact((tx) => tx.meta.get('policy'))).toBeNull();
  });
});
