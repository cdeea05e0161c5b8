import { describe, expect, it } from 'vitest';
import { matchesAnyPattern, patternListProblem, patternProblem } from '../../src/core/message-patterns.ts';

describe('matchesAnyPattern', () => {
  it.each([
    [['^revert'], 'Revert "new cart"'],
    [['^revert', '^hotfix'], 'hotfix: sold twice'],
    [['hotfix'], 'a HotFix at last'],
    [['\\bfix(es|ed)? #\\d+$'], 'totals\n\nFixes #12'],
    [['^(?:fix|hotfix)(?:\\([\\w/-]+\\))?!?: '], 'fix(shop/cart)!: sold twice'],
    [['^(?P<kind>rollback|undo)'], 'undo: totals'],
    [['größe'], 'GRÖSSE und GRÖẞE'],
    [['^🚑'], '🚑 sold twice'],
  ])('lets %j match %j', (patterns, message) => {
    expect(matchesAnyPattern(patterns, message)).toBe(true);
  });

  it.each([
    [[], 'revert'],
    [['^revert'], 'do not revert'],
    [['^revert'], 'fix\nrevert'],
    [['revert$'], 'revert\n'],
    [['^revert', '^hotfix'], ''],
  ])('does not let %j match %j', (patterns, message) => {
    expect(matchesAnyPattern(patterns, message)).toBe(false);
  });

  /** An engine that backtracks needs from seconds to forever for each of these. */
  it.each([
    '^(\\w+\\s?)*revert',
    '(a|a)*$z',
    '^(a+)+$z',
    '^(a*)*z',
    '^(([a-z])+.)+[A-Z]([a-z])+$z',
    '(a?){99}a{99}z',
    '(.*a){20}z',
    '(x+x+)+z',
    '(a|aa|aaa)*z',
    '(?:[a-z]{1,120}x){1,2}z',
    '.*.*.*.*.*.*.*.*=z',
  ])('answers for %s, whatever the message', (pattern) => {
    expect(patternListProblem([pattern])).toBeNull();
    for (const text of ['a', 'x', 'ax', 'aab ', 'é𝒳', 'Refactor the whole checkout flow ']) {
      const message = text.repeat(512).slice(0, 512);
      expect(matchesAnyPattern([pattern], `${message}!`)).toBe(false);
    }
  });
});

describe('patternProblem', () => {
  const needsRe2 = 'expected RE2 syntax, which has no look-around and no back-references: ';

  it.each([
    ['(', 'missing closing ): `(`'],
    ['*a', 'missing argument to repetition operator: `*`'],
    ['(?=revert)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['(?!revert)', 'invalid or unsupported Perl syntax: `(?!`'],
    ['(?<=un)do', 'invalid named capture: `(?<=un)do`'],
    ['(?<!un)do', 'invalid named capture: `(?<!un)do`'],
    ['(a)\\1', 'invalid escape sequence: `\\1`'],
    ['(?<x>a)\\k<x>', 'invalid escape sequence: `\\k`'],
    ['a{1001}', 'invalid repeat count: `{1001}`'],
    ['(a{1000}){1000}', 'invalid repeat count: `{1000}`'],
    ['('.repeat(500), 'missing closing ): `'.concat('('.repeat(500), '`')],
  ])('refuses %s', (source, problem) => {
    expect(patternProblem(source)).toBe(`${needsRe2}${problem}`);
  });

  it('refuses a pattern of more than 1000 characters', () => {
    expect(patternProblem('a'.repeat(1000))).toBeNull();
    expect(patternProblem('a'.repeat(1001))).toBe('expected at most 1000 characters');
  });
});

describe('patternListProblem', () => {
  it('refuses patterns whose programs are too large in total', () => {
    expect(patternListProblem(['x{1,200}'])).toBeNull();
    expect(patternListProblem(['x{1,200}', 'y{1,200}'])).toMatch(
      /^expected patterns of at most 500 instructions together, got \d+: use fewer or smaller repetitions$/,
    );
    expect(patternListProblem(Array.from({ length: 200 }, (_, index) => `word${index}`))).not.toBeNull();
  });

  it('admits a long list of ordinary words', () => {
    const words = [
      'revert',
      'hotfix',
      'rollback',
      'undo',
      'back out',
      'urgent',
      'emergency',
      'incident #\\d+',
    ];
    expect(patternListProblem(words.flatMap((word) => [`^${word}`, `\\b${word}\\b`]))).toBeNull();
  });
});
