/**
 * A law of every forge: for any history and any two of its commits, `commitsBetween` reports the commits that are
 * reachable from one and not from the other. A search over the whole history gives the expected commits.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forgeKinds } from '../../src/forge/create-forge.ts';
import { epoch, forgeOf, signal, sorted, startWithShop } from './setting.ts';

/** Commits with the indices of their parents, which come first. */
interface History {
  readonly commits: readonly { readonly parents: readonly number[]; readonly committedAt: number }[];
  readonly base: number;
  readonly head: number;
}

const historyArbitrary: fc.Arbitrary<History> = fc.integer({ min: 1, max: 14 }).chain((size) =>
  fc.record({
    commits: fc.tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.record({
          // Mostly one parent, as in real life. Each root beyond the first makes an unrelated history.
          parents:
            index === 0
              ? fc.constant([])
              : fc.uniqueArray(fc.nat({ max: index - 1 }), { maxLength: 3, size: 'max' }),
          // The clocks of committers differ.
          committedAt: fc.integer({ min: epoch, max: epoch + 20 }),
        }),
      ),
    ),
    base: fc.nat({ max: size - 1 }),
    head: fc.nat({ max: size - 1 }),
  }),
);

/** Indices of a commit and its ancestors. The search repeats until it finds no more. */
function reachable({ commits }: History, from: number): ReadonlySet<number> {
  const found = new Set([from]);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    commits.forEach(({ parents }, index) => {
      if (found.has(index)) for (const parent of parents) found.add(parent);
    });
  }
  return found;
}

describe.each(forgeKinds)('%s', (kind) => {
  it('reports the commits that are reachable from one commit and not from the other', async () => {
    const fake = await startWithShop({ kind });
    const forge = forgeOf(fake);
    let number = 0;
    await fc.assert(
      fc.asyncProperty(historyArbitrary, async (history) => {
        const repo = `acme/history-${++number}`;
        fake.addRepo(repo);
        const ids: string[] = [];
        for (const { parents, committedAt } of history.commits) {
          ids.push(fake.commit(repo, { parents: parents.map((index) => ids[index] ?? ''), committedAt }));
        }
        const { base, head, commits } = history;
        const [ofBase, ofHead] = [reachable(history, base), reachable(history, head)];
        const range = await forge.commitsBetween(repo, ids[base] ?? '', ids[head] ?? '', signal);
        if (kind === 'github' && ![...ofHead].some((index) => ofBase.has(index))) {
          expect(range).toBeNull();
          return;
        }
        const added = commits.flatMap(({ parents, committedAt }, index) =>
          ofHead.has(index) && !ofBase.has(index)
            ? [{ id: ids[index] ?? '', committedAt, isMerge: parents.length > 1 }]
            : [],
        );
        const removed = ids.filter((_, index) => ofBase.has(index) && !ofHead.has(index));
        expect(sorted(range)).toEqual(sorted({ added, removed }));
      }),
      { numRuns: 300 },
    );
  });
});
