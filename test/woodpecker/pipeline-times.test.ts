import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { durationOf } from '../../src/core/our-clock.ts';
import { toRecord } from '../../src/woodpecker/normalise.ts';
import { WireEvent, WirePipeline } from '../../src/woodpecker/wire.ts';

const created = 1_785_500_000;
const receivedAt = created + 20_000;

/**
 * A pipeline created at 0, started at 5, ended at 65 by the agent's clock and last written at 66, in seconds after
 * `created`.
 */
function recordOf({
  started = 5,
  finished = 65,
  updated = 66,
  ...others
}: Readonly<Record<string, unknown>> & { started?: number; finished?: number; updated?: number } = {}) {
  const absolute = (at: number) => (at === 0 ? 0 : created + at);
  const times = {
    created,
    started: absolute(started),
    finished: absolute(finished),
    updated: created + updated,
  };
  const wire = WirePipeline.parse({
    id: 3,
    number: 3,
    status: 'success',
    event: 'push',
    ...times,
    ...others,
  });
  return toRecord(wire, 'rest', receivedAt);
}

/** Start and finish in seconds after `created`, and the observed duration. */
const spanOf = (overrides: Parameters<typeof recordOf>[0]) => {
  const record = recordOf(overrides);
  const since = (at: number | null) => (at === null ? null : at - created);
  return [since(record.startedAt), since(record.finishedAt), durationOf(record)];
};

const hour = 3600;
const epoch = -created;

describe('the duration of a pipeline whose agent has a wrong clock', () => {
  it('is 60 s in the recorded case of an agent an hour behind', () => {
    const text = readFileSync(new URL('../fixtures/cases/agent-clock-behind.json', import.meta.url), 'utf8');
    const { pipeline } = WireEvent.parse(JSON.parse(text));
    const record = toRecord(pipeline, 'other', receivedAt);
    expect(record).toMatchObject({ startedAt: 1_785_500_006, finishedAt: 1_785_500_066 });
    expect(durationOf(record)).toBe(60);
  });

  it.each([
    ['right', {}, [5, 65, 60]],
    ['five minutes behind, which is tolerated', { started: -295, finished: -235 }, [-295, -235, 60]],
    ['an hour behind', { started: 5 - hour, finished: 65 - hour }, [6, 66, 60]],
    ['an hour ahead', { started: 5 + hour, finished: 65 + hour }, [6, 66, 60]],
    // Its end alone would not show the wrong clock, as it is after the creation.
    [
      'an hour behind, of a run of two hours',
      { started: 5 - hour, finished: 5 + hour, updated: 7206 },
      [6, 7206, 7200],
    ],
    ['in 1970', { started: epoch + 100, finished: epoch + 160 }, [6, 66, 60]],
    ['in 1970 at first, and right at the end', { started: epoch + 100 }, [null, 65, null]],
    ['right at first, and in 1970 at the end', { finished: epoch + 160 }, [null, 66, null]],
    ['a day ahead at first, and right at the end', { started: 24 * hour }, [null, 65, null]],
    ['a second ahead at first', { started: 66 }, [null, 65, null]],
  ])('is right or unknown with a clock that is %s', (_, overrides, span) => {
    expect(spanOf(overrides)).toEqual(span);
  });

  it('is unknown if the start is the agent’s and the end the server’s', () => {
    expect(spanOf({ finished: 0 })).toEqual([5, 66, null]);
    expect(spanOf({ finished: 0, started: 5 - hour })).toEqual([null, 66, null]);
  });

  it('is the agent’s if only its workflows contain the end', () => {
    const workflows = [{ state: 'success', started: created + 5, finished: created + 65 }];
    expect(spanOf({ finished: 0, workflows })).toEqual([5, 65, 60]);
    const behind = [{ state: 'success', started: created + 5 - hour, finished: created + 65 - hour }];
    const record = recordOf({ finished: 0, started: 5 - hour, workflows: behind });
    expect(durationOf(record)).toBe(60);
    expect(record.workflows).toMatchObject([{ startedAt: created + 6, finishedAt: created + 66 }]);
  });

  it('of a killed run is known if the agent reported when it stopped', () => {
    const stopped = [{ state: 'killed', started: created + 5, finished: created + 65 }];
    expect(spanOf({ status: 'killed', workflows: stopped })).toEqual([5, 65, 60]);
    const lost = [{ state: 'running', started: created + 5 }];
    expect(spanOf({ status: 'killed', workflows: lost })).toEqual([5, 65, null]);
  });

  it('is 0 by the server’s clock if the pipeline could not start', () => {
    expect(spanOf({ status: 'error', started: 10, finished: 10, updated: 10 })).toEqual([10, 10, 0]);
  });

  it.each([
    ['that has not started', { started: 0 }],
    ['of more than 30 days', { finished: 30 * 86_400 + 6, updated: 30 * 86_400 + 7 }],
  ])('is unknown for a pipeline %s', (_, overrides) => {
    expect(spanOf(overrides)[2]).toBeNull();
  });

  it('is known up to 30 days, and for a pipeline that was approved after a week', () => {
    expect(spanOf({ finished: 30 * 86_400 + 5, updated: 30 * 86_400 + 6 })[2]).toBe(30 * 86_400);
    const week = 7 * 86_400;
    expect(spanOf({ started: week, finished: week + 60, updated: week + 61 })).toEqual([week, week + 60, 60]);
  });

  it('is unknown if the start is before 2015, whatever its source', () => {
    const start2015 = Date.UTC(2015) / 1000;
    const times = { finishedAt: start2015 + 60, hasOneClock: true } as const;
    expect(durationOf({ ...recordOf(), ...times, startedAt: start2015 })).toBe(60);
    expect(durationOf({ ...recordOf(), ...times, startedAt: start2015 - 1 })).toBeNull();
  });
});
