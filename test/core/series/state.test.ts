import { describe, expect, it } from 'vitest';
import { createTally } from '../../../src/core/pipeline-counts.ts';
import { followKey } from '../../../src/core/poll-schedule.ts';
import { createState, type StateChange } from '../../../src/core/series/state.ts';
import { emptyTimeline } from '../../support/projected.ts';
import { aPair, aRepo } from '../../support/records.ts';

const aChange = (overrides: Partial<StateChange> = {}): StateChange => ({
  repos: [],
  confirmations: new Map(),
  droppedRepos: [],
  pairs: [],
  timelines: new Map(),
  unread: new Map(),
  follows: new Map(),
  tally: createTally(),
  incidents: [],
  marks: new Map(),
  clockAhead: 0,
  ...overrides,
});

describe('createState', () => {
  it('finds a repo by its id and by its name, whatever its case', () => {
    const state = createState();
    const repo = aRepo({ key: 3, woodpeckerId: 11, fullName: 'acme/shop' });
    state.apply(aChange({ repos: [repo] }));
    expect(state.repoById(11)).toBe(repo);
    expect(state.reposByName('ACME/Shop')).toEqual([repo]);
    expect(state.repoById(12)).toBeNull();
    expect(state.reposByName('acme/store')).toEqual([]);
  });

  it('finds a renamed repo under its new name alone', () => {
    const state = createState();
    state.apply(aChange({ repos: [aRepo({ fullName: 'acme/shop' })] }));
    const renamed = aRepo({ fullName: 'acme/store' });
    state.apply(aChange({ repos: [renamed] }));
    expect(state.reposByName('acme/shop')).toEqual([]);
    expect(state.reposByName('acme/store')).toEqual([renamed]);
    expect(state.repoById(11)).toBe(renamed);
  });

  it('lists repos with the same name, the latest named first', () => {
    const state = createState();
    const older = aRepo({ key: 1, woodpeckerId: 11, namedAt: 1000 });
    const newer = aRepo({ key: 2, woodpeckerId: 12, namedAt: 2000 });
    state.apply(aChange({ repos: [older, newer] }));
    expect(state.reposByName('acme/shop')).toEqual([newer, older]);
  });

  it('knows the tiers of a repo, even those that the policy no longer produces', () => {
    const state = createState();
    state.apply(
      aChange({ pairs: [aPair({ tier: 'a' }), aPair({ tier: 'b', isKnown: false }), aPair({ repo: 2 })] }),
    );
    expect(state.tiersOf(1)).toEqual(['a', 'b']);
    expect(state.tiersOf(9)).toEqual([]);
  });

  it('replaces and removes timelines and follows', () => {
    const state = createState();
    const follow = { target: 11, number: 12, createdAt: 1000, polledAt: null, hintedAt: null };
    state.apply(
      aChange({
        timelines: new Map([['s', emptyTimeline]]),
        follows: new Map([[followKey(follow), follow]]),
      }),
    );
    expect([state.timelines.size, state.follows.size]).toEqual([1, 1]);
    state.apply(
      aChange({ timelines: new Map([['s', null]]), follows: new Map([[followKey(follow), null]]) }),
    );
    expect([state.timelines.size, state.follows.size]).toEqual([0, 0]);
  });

  it('has another version after every change', () => {
    const state = createState();
    const before = state.version;
    state.apply(aChange());
    expect(state.version).not.toBe(before);
  });

  it('keeps its version without a change, so that reading alone renders nothing again', () => {
    const state = createState();
    const before = state.version;
    state.apply(aChange({ tally: state.tally }));
    expect(state.version).toBe(before);
  });
});
