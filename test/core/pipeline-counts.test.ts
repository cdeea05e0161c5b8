import { describe, expect, it } from 'vitest';
import { createTally } from '../../src/core/pipeline-counts.ts';
import { aClassification, aRecord, aStoredPipeline, ignoredIn, unfinishedIn } from '../support/records.ts';

const deployed = (tier: string, event: string | null) =>
  aStoredPipeline({ record: aRecord({ event }), classification: aClassification({ tier }) });
const killed = aStoredPipeline({ classification: ignoredIn('production', 'killed') });
const running = aStoredPipeline({ classification: unfinishedIn('production') });

describe('createTally', () => {
  it('counts ignored pipelines by reason', () => {
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

  it('omits an event without remaining deployments', () => {
    const tally = createTally();
    tally.count(deployed('platform', 'push'), 1);
    tally.count(deployed('platform', 'push'), -1);
    expect(tally.events()).toEqual([]);
  });

  it('keeps tiers and events apart, whatever characters their names contain', () => {
    const tally = createTally();
    tally.count(deployed('a,b', 'c'), 1);
    tally.count(deployed('a', 'b,c'), 1);
    expect(tally.events()).toHaveLength(2);
  });

  it('continues from given counts', () => {
    const tally = createTally(new Map([['killed', 4]]), [
      { tier: 'platform', event: 'push', deployments: 2 },
    ]);
    tally.count(killed, 1);
    tally.count(deployed('platform', 'push'), 1);
    expect(tally.ignored('killed')).toBe(5);
    expect(tally.events()).toEqual([{ tier: 'platform', event: 'push', deployments: 3 }]);
  });

  it('makes copies that count independently', () => {
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

  it('does not change the given counts', () => {
    const ignored = new Map([['killed', 4]] as const);
    createTally(ignored).count(killed, 1);
    expect(ignored.get('killed')).toBe(4);
  });
});
