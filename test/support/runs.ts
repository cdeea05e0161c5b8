/**
 * The number of random histories for each law: all with `DORA_TEST_ALL=1`, else a fifth. `DORA_TEST_LAWS` sets another
 * share, from 0 to 1, for checks that must end soon.
 */

export const runsAll = process.env['DORA_TEST_ALL'] === '1';

const share = Number(process.env['DORA_TEST_LAWS'] ?? (runsAll ? 1 : 0.2));

/** Number of random cases of this run; `all`: their number in a full run. At least five. */
export function runs(all: number): number {
  return Math.max(Math.ceil(all * share), 5);
}
