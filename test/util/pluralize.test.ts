import { describe, expect, it } from 'vitest';
import { counted } from '../../src/util/pluralize.ts';

describe('counted', () => {
  it.each([
    [0, '0 repos'],
    [1, '1 repo'],
    [2, '2 repos'],
  ])('writes %i as "%s"', (count, words) => {
    expect(counted(count, 'repo')).toBe(words);
  });

  it('uses the given plural if an s does not make it', () => {
    expect(counted(1, 'recovery', 'recoveries')).toBe('1 recovery');
    expect(counted(0, 'recovery', 'recoveries')).toBe('0 recoveries');
  });
});
