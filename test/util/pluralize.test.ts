import { describe, expect, it } from 'vitest';
import { counted } from '../../src/util/pluralize.ts';

describe('counted', () => {
  it.each([
    [0, '0 repos'],
    [1, '1 repo'],
    [2, '2 repos'],
  ])('says of %i that it is %s', (count, words) => {
    expect(counted(count, 'repo')).toBe(words);
  });

  it('takes the words for several where an s does not make them', () => {
    expect(counted(1, 'recovery', 'recoveries')).toBe('1 recovery');
    expect(counted(0, 'recovery', 'recoveries')).toBe('0 recoveries');
  });
});
