import { describe, expect, it } from 'vitest';
import { closest } from '../../src/util/did-you-mean.ts';

describe('closest', () => {
  it('finds the nearest word, unless too much differs', () => {
    const words = ['events', 'branches', 'repos', 'DORA_LISSOM', 'DORA_LISTEN'];
    const found = 'event branchess rebos DORA_LISTEM tags'.split(' ').map((word) => closest(word, words));
    expect(found).toEqual(['events', 'branches', 'repos', 'DORA_LISTEN', null]);
  });
});
