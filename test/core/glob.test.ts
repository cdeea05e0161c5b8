import { describe, expect, it } from 'vitest';
import { matchesAnyGlob, matchesAnyGlobIgnoringCase, matchesGlob } from '../../src/core/glob.ts';

describe('matchesGlob', () => {
  it.each([
    // pattern, text
    ['production', 'production'],
    ['prod*', 'prod'],
    ['prod*', 'production'],
    ['*', ''],
    ['*', 'acme/shop'],
    ['**', 'x'],
    ['', ''],
    ['acme/infra-*', 'acme/infra-dns'],
    // A star matches slashes.
    ['acme/*', 'acme/team/shop'],
    ['release/?.?', 'release/1.2'],
    ['*-prod', 'eu-prod-us-prod'],
    ['a*b*c', 'a__b_bc_c'],
    ['*a', 'aaa'],
    // Special characters of other pattern languages are plain here.
    ['v1.2[3](4)+$', 'v1.2[3](4)+$'],
    ['a\\b', 'a\\b'],
    ['*', '*'],
    ['a?c', 'a*c'],
  ])('lets %j match %j', (pattern, text) => {
    expect(matchesGlob(pattern, text)).toBe(true);
  });

  it.each([
    ['production', 'productions'],
    ['production', 'preproduction'],
    ['prod', 'Prod'],
    ['', 'x'],
    ['?', ''],
    ['??', 'x'],
    ['a*b', 'ab_'],
    ['a*b*c', 'acb'],
    ['v1.2', 'v1x2'],
    ['[ab]', 'a'],
    ['acme/infra-*', 'acme/infra'],
  ])('does not let %j match %j', (pattern, text) => {
    expect(matchesGlob(pattern, text)).toBe(false);
  });

  it('ends on patterns that make other engines backtrack', () => {
    const text = 'a'.repeat(5000);
    expect(matchesGlob(`${'*a'.repeat(500)}b`, text)).toBe(false);
    expect(matchesGlob(`${'a*'.repeat(500)}b`, text)).toBe(false);
    expect(matchesGlob(`${'*'.repeat(5000)}b`, text)).toBe(false);
    expect(matchesGlob(`${'*?'.repeat(500)}a`, text)).toBe(true);
  });
});

describe('matchesAnyGlob', () => {
  it('is true if one glob matches', () => {
    expect(matchesAnyGlob(['staging', 'prod*'], 'production')).toBe(true);
    expect(matchesAnyGlob(['staging', 'Prod*'], 'production')).toBe(false);
    expect(matchesAnyGlob([], '')).toBe(false);
  });

  it('ignores case if it is asked to', () => {
    expect(matchesAnyGlobIgnoringCase(['ACME/infra-*'], 'acme/Infra-DNS')).toBe(true);
    expect(matchesAnyGlobIgnoringCase(['acme/shop'], 'acme/tools')).toBe(false);
  });
});

describe('globs that exclude', () => {
  it.each([
    [['v*', '!*-*'], 'v1.0.0', true],
    [['v*', '!*-*'], 'v1.0.0-rc.1', false],
    [['!*-*', 'v*'], 'v1.0.0-rc.1', false],
    [['v*', '!*-*'], 'nightly', false],
    [['!main'], 'next', true],
    [['!main'], 'main', false],
    [[], 'main', false],
    [['a!b'], 'a!b', true],
  ])('%j take %s: %s', (patterns, text, isTaken) => {
    expect(matchesAnyGlob(patterns, text)).toBe(isTaken);
    expect(matchesAnyGlobIgnoringCase(patterns, text.toUpperCase())).toBe(isTaken);
  });
});
