import { expect, it } from 'vitest';
import { aheadErrors } from '../../src/sources/times-ahead.ts';

it('refuses the times that are more than five minutes ahead of their receipt', () => {
  const times = { unset: 0, none: null, past: 999, now: 1000, tolerated: 1300, ahead: 1301, far: 9_999_999 };
  const message = 'Time is more than five minutes ahead of its receipt';
  expect(aheadErrors(times, 1000)).toEqual([
    { path: 'ahead', message },
    { path: 'far', message },
  ]);
});
