import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { learn, type Repo, type RepoFacts } from '../../src/core/repo.ts';
import { aRepo, someFacts } from '../support/records.ts';

describe('learn', () => {
  it('takes the latest name, and ignores a name of an earlier time', () => {
    const repo = aRepo({ fullName: 'acme/shop', namedAt: 1000 });
    expect(learn(repo, someFacts({ fullName: 'acme/store', asOf: 2000 }))).toEqual({
      ...repo,
      fullName: 'acme/store',
      namedAt: 2000,
    });
    expect(learn(repo, someFacts({ fullName: 'acme/kiosk', asOf: 999 }))).toBe(repo);
  });

  it('remembers every branch that was the default branch', () => {
    const repo = aRepo({ defaultBranches: ['main'] });
    const older = learn(repo, someFacts({ defaultBranch: 'develop', asOf: 1 }));
    expect(older.defaultBranches).toEqual(['develop', 'main']);
    expect(older.fullName).toBe('acme/shop');
  });

  it('learns at most 50 default branches', () => {
    let repo = aRepo({ defaultBranches: [] });
    for (let n = 0; n < 1000; n++) repo = learn(repo, someFacts({ defaultBranch: `b${n}` }));
    expect(repo.defaultBranches.length).toBe(50);
    expect(learn(repo, someFacts({ defaultBranch: 'b1000', asOf: repo.namedAt }))).toBe(repo);
  });

  it.each(['', null])('learns no default branch from %j', (defaultBranch) => {
    const repo = aRepo({ defaultBranches: [] });
    expect(learn(repo, someFacts({ defaultBranch }))).toBe(repo);
  });

  it('returns the same object if nothing is new', () => {
    const repo = aRepo();
    expect(learn(repo, someFacts())).toBe(repo);
  });

  it('learns missing ids, and keeps known ones', () => {
    const repo = aRepo({ woodpeckerId: null, forgeRemoteId: null });
    const told = learn(repo, someFacts({ asOf: 1 }));
    expect(told).toEqual({ ...repo, woodpeckerId: 11, forgeRemoteId: 'forge-11' });
    expect(learn(told, someFacts({ woodpeckerId: null, forgeRemoteId: null, asOf: 2000 }))).toEqual({
      ...told,
      namedAt: 2000,
    });
  });

  it('does not change key, horizon and progress', () => {
    const repo = aRepo({
      key: 7,
      horizon: 500,
      revealed: false,
      scan: { watermark: 3, scannedAt: 900, covered: { from: 4, to: 9, fromCreatedAt: 800 } },
    });
    expect(learn(repo, someFacts({ fullName: 'acme/store', asOf: 2000 }))).toEqual({
      ...repo,
      fullName: 'acme/store',
      namedAt: 2000,
    });
  });

  it('gives the same result in any order of the facts, however often each arrives', () => {
    const anyFacts = fc
      .record({
        fullName: fc.constantFrom('acme/shop', 'Acme/Shop', 'acme/store', 'zeta/shop'),
        defaultBranch: fc.constantFrom(null, '', 'main', 'master', 'trunk'),
        asOf: fc.integer({ min: 1, max: 4 }),
      })
      .map((told) => Object.freeze(someFacts(told)));
    const unheardOf = aRepo({ fullName: '', namedAt: 0, defaultBranches: [] });
    const learnAll = (facts: readonly RepoFacts[]): Repo => facts.reduce(learn, unheardOf);
    fc.assert(
      fc.property(
        fc
          .array(anyFacts, { minLength: 1, maxLength: 6 })
          .chain((told) =>
            fc.tuple(
              fc.constant(told),
              fc.shuffledSubarray([...told, ...told], { minLength: told.length * 2 }),
            ),
          ),
        ([told, retold]) => {
          expect(learnAll(retold)).toEqual(learnAll(told));
        },
      ),
      { numRuns: 500 },
    );
  });
});
