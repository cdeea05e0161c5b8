/** How much of the tests runs: all of it with `DORA_TEST_ALL=1`, else a fifth of the random histories of each law. */

export const runsAll = process.env['DORA_TEST_ALL'] === '1';

const everydayShare = 0.2;

/** How many random cases to try where `all` are tried in full; at least five. */
export function runs(all: number): number {
  return runsAll ? all : Math.max(Math.ceil(all * everydayShare), 5);
}
