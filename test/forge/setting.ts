/** A fake forge of each kind with a repo, and a client that records its pauses instead of waiting. */

import { onTestFinished } from 'vitest';
import { createForge, type ForgeOptions } from '../../src/forge/create-forge.ts';
import type { CommitRange, Forge } from '../../src/forge/forge.ts';
import { type FakeForge, type FakeForgeOptions, startFakeForge } from '../support/fake-forge.ts';

export const shop = 'acme/shop';
export const epoch = 1_785_000_000;
export const unknownId = 'f00d'.repeat(10);
export const { signal } = new AbortController();

export async function startWithShop(options: FakeForgeOptions): Promise<FakeForge> {
  const fake = await startFakeForge(options);
  onTestFinished(() => fake.close());
  fake.addRepo(shop);
  return fake;
}

export interface TestForge extends Forge {
  /** The range that `compare` returns, for a repo without a known id. */
  commitsBetween(
    repo: string,
    base: string | null,
    head: string,
    signal: AbortSignal,
  ): Promise<CommitRange | null>;
  readonly pauses: readonly number[];
  readonly ended: readonly number[];
}

export function forgeOf(fake: FakeForge, overrides: Partial<ForgeOptions> = {}): TestForge {
  const pauses: number[] = [];
  const ended: number[] = [];
  const sleep: ForgeOptions['sleep'] = async (ms) => {
    pauses.push(ms);
  };
  const { kind, url, token } = fake;
  const onRequest: ForgeOptions['onRequest'] = ({ status }) => ended.push(status);
  const forge = createForge({ kind, url, token, sleep, onRequest, timeoutMs: 5000, ...overrides });
  const commitsBetween: TestForge['commitsBetween'] = async (fullName, base, head, aborted) =>
    (await forge.compare({ fullName, forgeRemoteId: null }, base, head, aborted)).range;
  return { ...forge, commitsBetween, pauses, ended };
}

/** Adds `count` commits, each on top of the one before, a minute apart. */
export function addLine(fake: FakeForge, count: number, first: { readonly parent?: string } = {}): string[] {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const parent = ids.at(-1) ?? first.parent;
    const parents = parent === undefined ? [] : [parent];
    ids.push(fake.commit(shop, { parents, committedAt: epoch + fake.size(shop) * 60 }));
  }
  return ids;
}

/** The range with its lists in a fixed order. */
export function sorted(range: CommitRange | null): CommitRange | null {
  return (
    range && {
      added: range.added.toSorted((a, b) => a.committedAt - b.committedAt || (a.id < b.id ? -1 : 1)),
      removed: range.removed.toSorted(),
    }
  );
}

export const idsOf = (range: CommitRange | null) => range?.added.map(({ id }) => id).toSorted();
