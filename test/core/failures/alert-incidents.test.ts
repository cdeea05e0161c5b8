import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AlertReport,
  incidentsOfAlert,
  withReport,
} from '../../../src/core/failures/alert-incidents.ts';
import { runs } from '../../support/runs.ts';

const hour = 3600;
const stale = 24 * hour;

const resolved = (start: number, end: number, receivedAt = end): AlertReport => ({
  ...{ start, end, receivedAt, isDismissed: false },
});
const firing = (start: number, receivedAt = start): AlertReport => ({
  ...resolved(start, 0, receivedAt),
  end: null,
});

/** Start and end of each incident. */
function intervals(...reports: readonly AlertReport[]): (readonly [number, number | null])[] {
  const known = reports.reduce<readonly AlertReport[]>(withReport, []);
  return incidentsOfAlert('f1', known, stale).map(({ start, end }) => [start, end]);
}

describe('an alert', () => {
  it('is open from its start while it fires', () => {
    const report = firing(100, 160);
    expect(incidentsOfAlert('f1', [report], stale)).toEqual([{ id: 'f1-100', ...report, reports: [report] }]);
  });

  it('ends at the end that a report of the same start contains, even if only its end was ever received', () => {
    expect(intervals(resolved(100, 900))).toEqual([[100, 900]]);
    expect(intervals(firing(100), resolved(100, 900))).toEqual([[100, 900]]);
  });

  it('ends at the earliest end that is not before its start', () => {
    expect(intervals(firing(500), resolved(100, 400), resolved(600, 900), resolved(2000, 3000))).toEqual([
      [100, 400],
      [500, 900],
      [2000, 3000],
    ]);
  });

  it('is one incident, if its start moved while it fired', () => {
    expect(intervals(firing(100), firing(700), resolved(700, 900))).toEqual([[100, 900]]);
    expect(intervals(firing(700), resolved(100, 900))).toEqual([[100, 900]]);
  });

  it('is another incident, if it fires again after its end', () => {
    expect(intervals(firing(100), resolved(100, 900), firing(901))).toEqual([
      [100, 900],
      [901, null],
    ]);
  });

  it('is not ended by an end of another start that arrives more than "stale" after its last receipt', () => {
    const [start, receivedAt] = [0, hour];
    const laterStart = receivedAt + stale + 1;
    expect(intervals(firing(start, receivedAt), resolved(start + hour, receivedAt + stale))).toEqual([
      [start, receivedAt + stale],
    ]);
    expect(intervals(firing(start, receivedAt), resolved(laterStart, laterStart + hour))).toEqual([
      [start, null],
      [laterStart, laterStart + hour],
    ]);
  });

  it('is ended by an end of its own start, however late that arrives', () => {
    expect(intervals(firing(0), resolved(0, 10 * stale))).toEqual([[0, 10 * stale]]);
  });

  it('counts as repeated, if it was repeated under a later start', () => {
    const end = 3 * stale;
    expect(intervals(firing(0, hour), firing(4 * hour, end - hour), resolved(4 * hour, end))).toEqual([
      [0, end],
    ]);
  });

  it('that is stale joins no later interval', () => {
    expect(intervals(firing(0, hour), firing(hour + stale))).toEqual([[0, null]]);
    expect(intervals(firing(0, hour), firing(hour + stale + 1))).toEqual([
      [0, null],
      [hour + stale + 1, null],
    ]);
  });

  it('was last received with the latest report of its incident', () => {
    const [incident] = incidentsOfAlert('f1', [firing(0, 50), firing(20, 40)], stale);
    expect(incident?.receivedAt).toBe(50);
  });

  it('has a dismissed incident if one of its reports is dismissed, and its other incidents stay', () => {
    const dismissed = { ...firing(100), isDismissed: true };
    const reports = [dismissed, resolved(100, 900), firing(2000)].reduce<readonly AlertReport[]>(
      withReport,
      [],
    );
    expect(incidentsOfAlert('f1', reports, stale).map((one) => one.isDismissed)).toEqual([true, false]);
    expect(withReport(reports, firing(100, 5000))).toContainEqual({
      ...firing(100, 5000),
      isDismissed: true,
    });
  });
});

describe('any reports of an alert', () => {
  const anyReport = fc
    .record({
      start: fc.nat(20),
      length: fc.option(fc.nat(8)),
      delay: fc.integer({ min: -2, max: 12 }),
      isDismissed: fc.boolean(),
    })
    .map(({ start, length, delay, isDismissed }): AlertReport => {
      const end = length === null ? null : start + length;
      return { start, end, receivedAt: (end ?? start) + delay, isDismissed };
    });
  const anyReports = fc.array(anyReport, { maxLength: 12 });

  it('give the same incidents in any order, however often each arrives', () => {
    const shuffled = anyReports.chain((reports) =>
      fc.tuple(
        fc.constant(reports),
        fc.shuffledSubarray([...reports, ...reports], { minLength: 2 * reports.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([reports, again]) => {
        const known = reports.reduce<readonly AlertReport[]>(withReport, []);
        const knownAgain = again.reduce<readonly AlertReport[]>(withReport, []);
        expect(incidentsOfAlert('f', knownAgain, 5)).toEqual(incidentsOfAlert('f', known, 5));
      }),
      { numRuns: runs(1000) },
    );
  });

  it('give incidents that do not overlap, with each report in one incident and unique ids', () => {
    fc.assert(
      fc.property(anyReports, (reports) => {
        const known = reports.reduce<readonly AlertReport[]>(withReport, []);
        const incidents = incidentsOfAlert('f', known, 5);
        expect(incidents.flatMap((one) => one.reports)).toEqual(known);
        expect(new Set(incidents.map(({ id }) => id)).size).toBe(incidents.length);
        for (const [index, next] of incidents.slice(1).entries()) {
          const one = incidents[index];
          if (!one) throw new Error('No incident before this one');
          if (one.end !== null) expect(next.start).toBeGreaterThanOrEqual(one.end);
          else expect(next.start).toBeGreaterThan(one.receivedAt + 5);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it('give incidents that end at a reported end, or are open', () => {
    fc.assert(
      fc.property(anyReports, (reports) => {
        const ends = reports.flatMap(({ end }) => end ?? []);
        for (const { end } of incidentsOfAlert('f', reports, 5)) {
          if (end !== null) expect(ends).toContain(end);
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});
