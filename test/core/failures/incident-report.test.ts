import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type IncidentFields,
  type IncidentReport,
  incidentOfReport,
  joinReports,
  saidAt,
} from '../../../src/core/failures/incident-report.ts';
import { runs } from '../../support/runs.ts';

const opened = { repo: 'acme/shop', tier: 'production', started: 100 };

const joined = (...reports: readonly IncidentReport[]): Partial<IncidentFields> => {
  const report = reports.reduce(joinReports);
  return Object.fromEntries(Object.entries(report).map(([field, { value }]) => [field, value]));
};

describe('reports of one incident', () => {
  it('do not reset the fields that they omit', () => {
    const withdrawn = saidAt({ ...opened, dismissed: true }, 110);
    expect(joined(withdrawn, saidAt(opened, 120))).toEqual({ ...opened, dismissed: true });
  });

  it('reset a field with an explicit null or false', () => {
    const closed = saidAt({ ...opened, resolved: 900, dismissed: true }, 910);
    const reopened = saidAt({ ...opened, resolved: null, dismissed: false }, 920);
    expect(joined(closed, reopened)).toEqual({ ...opened, resolved: null, dismissed: false });
  });

  it('replace fields by the time at which they were sent, whichever arrives first', () => {
    const early = saidAt({ ...opened, started: 90, resolved: 500 }, 600);
    const late = saidAt({ ...opened, resolved: 700 }, 800);
    expect(joined(early, late)).toEqual({ ...opened, resolved: 700 });
    expect(joined(late, early)).toEqual({ ...opened, resolved: 700 });
  });

  it('replace fields in order of arrival, if they were sent at the same time', () => {
    expect(
      joined(saidAt({ ...opened, resolved: 500 }, 600), saidAt({ ...opened, resolved: 400 }, 600)),
    ).toEqual({
      ...opened,
      resolved: 400,
    });
  });

  it('give the same result in any order, however often each arrives, if their times of sending differ', () => {
    const anyFields = fc.record(
      {
        started: fc.nat(50),
        resolved: fc.option(fc.nat(50)),
        title: fc.option(fc.string({ maxLength: 2 })),
        dismissed: fc.boolean(),
      },
      { requiredKeys: ['started'] },
    );
    const anyHistory = fc
      .array(anyFields, { minLength: 1, maxLength: 6 })
      .map((all) => all.map((fields, index) => saidAt({ ...opened, ...fields }, index)));
    const twice = anyHistory.chain((history) =>
      fc.tuple(
        fc.constant(history),
        fc.shuffledSubarray([...history, ...history], { minLength: 2 * history.length }),
      ),
    );
    fc.assert(
      fc.property(twice, ([history, again]) => {
        expect(again.reduce(joinReports)).toEqual(history.reduce(joinReports));
      }),
      { numRuns: runs(1000) },
    );
  });
});

describe('the incident of a report', () => {
  it('is never stale, and open until it is resolved', () => {
    expect(incidentOfReport('INC-1', saidAt(opened, 110))).toEqual({
      id: 'INC-1',
      start: 100,
      end: null,
      receivedAt: null,
    });
    expect(incidentOfReport('INC-1', saidAt({ ...opened, resolved: 900 }, 910)).end).toBe(900);
  });

  it('ends at its start, if a correction moves the start after the end', () => {
    const report = joinReports(
      saidAt({ ...opened, resolved: 200 }, 210),
      saidAt({ ...opened, started: 300 }, 310),
    );
    expect(incidentOfReport('INC-1', report)).toEqual({
      id: 'INC-1',
      start: 300,
      end: 300,
      receivedAt: null,
    });
  });
});
