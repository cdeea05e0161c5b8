import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../src/export/options.ts';

const now = 1_785_500_450;
const day = 86_400;
const range = ['--from', '2026-01-01', '--to', '2026-02-01'];
const labelled = [...range, '--label', 'job=dora', '--label', 'instance=dora:3672'];

const problemsOf = (...args: string[]) => {
  const parsed = parseOptions(args, now);
  return parsed.kind === 'mistaken' ? parsed.problems : [];
};

describe('the options of an export', () => {
  it('are a range, and defaults for the rest', () => {
    expect(parseOptions(labelled, now)).toEqual({
      kind: 'export',
      options: {
        from: 1_767_225_600,
        to: 1_769_904_000,
        stepSeconds: 240,
        output: null,
        labels: { job: 'dora', instance: 'dora:3672' },
        withWindows: true,
      },
      warnings: [],
    });
  });

  it('are used as given', () => {
    const args = [...labelled, '--step=1m', '--output', 'history/', '--no-windows', '--label', 'team=a=b'];
    expect(parseOptions(args, now)).toMatchObject({
      kind: 'export',
      options: {
        stepSeconds: 60,
        output: 'history/',
        withWindows: false,
        labels: { job: 'dora', instance: 'dora:3672', team: 'a=b' },
      },
      warnings: [],
    });
  });

  it.each([
    ['2026-01-01T12:00:00Z', 1_767_268_800],
    ['2026-01-01T12:00:00.900+02:00', 1_767_261_600],
    ['180d', now - 180 * day],
    ['36h', now - 36 * 3600],
  ])('begin at %s', (from, seconds) => {
    expect(parseOptions(['--from', from, '--to', '1d'], now)).toMatchObject({ options: { from: seconds } });
  });

  it('report all mistakes together', () => {
    expect(
      problemsOf('--form', '1d', '--to', 'yesterday', '--step', '0', '--label', 'repo=x', '--no-output'),
    ).toEqual([
      'Unknown option --form, did you mean --from?',
      'Unknown argument 1d: expected options only',
      'Unknown option --no-output, did you mean --output?',
      '--from: expected a time such as 2026-01-01 or 2026-01-01T12:00:00Z, or an age such as 180d, given none',
      '--to: expected a time such as 2026-01-01 or 2026-01-01T12:00:00Z, or an age such as 180d, given "yesterday"',
      '--step: expected a duration from 1s to 1d such as 4m, given "0"',
      '--label: expected another name than repo, the figures have a label of that name',
    ]);
  });

  it.each([
    [['--to', '2026-01-01'], '--to: expected a time after --from'],
    [['--to', '2026-07-31T12:20:51Z'], '--to: expected a time that is not in the future'],
    [['--to'], '--to: expected a value, given none'],
    [['--to', '2026-02-30'], '--to: expected a time such as'],
    [['--to', '1d', '--to', '2d'], '--to: expected once, given again'],
    [['--to', '1d', '--step', '2d'], '--step: expected a duration from 1s to 1d such as 4m, given "2d"'],
    [['--to', '1d', '--step', '4'], '--step: expected a duration from 1s to 1d such as 4m, given "4"'],
    [['--to', '1d', '--windows=no'], '--windows: expected no value, given "no"'],
    [['--to', '1d', '--label', 'job'], '--label: expected NAME=VALUE such as job=dora, given "job"'],
    [['--to', '1d', '--label', '1a=b'], '--label: expected NAME=VALUE such as job=dora, given "1a=b"'],
    [['--to', '1d', '--label', '__name__=b'], '--label: expected NAME=VALUE such as job=dora'],
    [['--to', '1d', '--label', 'le=5'], '--label: expected another name than le'],
    [['--to', '1d', '--label', 'a=1', '--label', 'a=2'], '--label: expected another name than a'],
  ])('are refused with %j', (args, problem) => {
    expect(problemsOf('--from', '2026-01-01', ...args).join('\n')).toContain(problem);
  });

  it('warn of unlikely values', () => {
    const warningsOf = (...args: string[]) => {
      const parsed = parseOptions(args, now);
      return parsed.kind === 'export' ? parsed.warnings : [];
    };
    expect(warningsOf(...labelled, '--step', '5m')).toEqual([
      '--step: graphs will have gaps, since Prometheus looks back only five minutes for a sample',
    ]);
    expect(warningsOf(...range, '--label', 'job=dora')).toEqual([
      '--label: without instance the series differ from the ones that Prometheus scrapes',
    ]);
    expect(warningsOf(...labelled.with(3, '2h'))).toEqual([
      '--to: a running Prometheus still writes the last three hours; choose a time before them, or before its first scrape',
    ]);
    expect(warningsOf(...labelled.with(3, '3h'))).toEqual([]);
  });

  it('lead to the help if --help is among them', () => {
    expect(parseOptions(['--help', '--nonsense'], now)).toEqual({ kind: 'help' });
  });
});
