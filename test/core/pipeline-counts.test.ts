import { describe, expect, it } from 'vitest';
import { createTally } from '../../src/core/pipeline-counts.ts';
import { aClassification, aRecord, aStoredPipeline, ignoredIn, unfinishedIn } from '../support/records.ts';

const deployed = (tier: string, event: string | null) =>
  aStoredPipeline({ record: aRecord({ event }), classification: aClassification({ tier }) });
const killed = aStoredPipeline({ classification: ignoredIn('production', 'killed') });
const running = aStoredPipeline({ classification: unfinishedIn('production') });

describe('createTally', () => {
  it('counts what is ignored by reason', () => {
    const tally = createTally();
    tally.count(killed, 1);
    tally.count(killed, 1);
    tally.count(killed, -1);
    expect(tally.ignored('killed')).toBe(1);
    expect(tally.ignored('error')).toBe(0);
  });

  it('counts deployments by tier and event, the most frequent event of a tier first', () => {
    const tally = createTally();
    tally.count(deployed('production', 'deployment'), 1);
    tally.count(deployed('platform', 'push'), 1);
    tally.count(deployed('platform', 'cron'), 1);
    tally.count(deployed('platform', 'cron'), 1);
    tally.count(deployed('platform', null), 1);
    tally.count(deployed('platform', null), 1);
    tally.count(deployed('platform', null), 1);
    expect(tally.events()).toEqual([
      { tier: 'platform', event: 'unknown', deployments: 3 },
      { tier: 'platform', event: 'cron', deployments: 2 },
      { tier: 'platform', event: 'push', deployments: 1 },
      { tier: 'production', event: 'deployment', deployments: 1 },
    ]);
  });

  it('counts nothing for a pipeline that has not ended', () => {
    const tally = createTally();
    tally.count(running, 1);
    expect(tally.events()).toEqual([]);
    expect(tally.ignored('killed')).toBe(0);
  });

  it('leaves out events of which none is left', () => {
    const tally = createTally();
    tally.count(deployed('platform', 'push'), 1);
    tally.count(deployed('platform', 'push'), -1);
    expect(tally.events()).toEqual([]);
  });

  it('tells two tiers and events apart whatever their names hold', () => {
    const tally = createTally();
    tally.count(deployed('a,b', 'c'), 1);
    tally.count(deployed('a', 'b,c'), 1);
    expect(tally.events()).toHaveLength(2);
  });

  it('goes on from counts that it is given', () => {
    const tally = createTally(new Map([['killed', 4]]), [
      { tier: 'platform', event: 'push', deployments: 2 },
    ]);
    tally.count(killed, 1);
    tally.count(deployed('platform', 'push'), 1);
    expect(tally.ignored('killed')).toBe(5);
    expect(tally.events()).toEqual([{ tier: 'platform', event: 'push', deployments: 3 }]);
  });

  it('copies itself, so that either can be counted on without the other', () => {
    const tally = createTally();
    tally.count(killed, 1);
    tally.count(deployed('platform', 'push'), 1);
    const copy = tally.copy();
    copy.count(killed, 1);
    copy.count(deployed('platform', 'push'), 1);
    tally.count(deployed('platform', 'push'), -1);
    expect([tally.ignored('killed'), tally.events()]).toEqual([1, []]);
    expect([copy.ignored('killed'), copy.events()]).toEqual([
      2,
      [{ tier: 'platform', event: 'push', deployments: 2 }],
    ]);
  });

  it('does not touch the counts that it was given', () => {
    const ignored = new Map([['killed', 4]] as const);
    createTally(ignored).count(killed, 1);
    expect(ignored.get('killed')).toBe(4);
  });
});
