/**
 * How many random histories of each law run: all with `DORA_TEST_ALL=1`, else a fifth. `DORA_TEST_LAWS` sets another share,
 * from 0 to 1: a check that has to end soon then still runs everything else.
 */

export const runsAll = process.env['DORA_TEST_ALL'] === '1';

const share = Number(process.env['DORA_TEST_LAWS'] ?? (runsAll ? 1 : 0.2));

/** How many random cases to try if `all` are tried in full; at least five. */
export function runs(all: number): number {
  return Math.max(Math.ceil(all * share), 5);
}
