/** Watches the ledger over the states of a world: its numbers may never fall. */

import type { State } from '../../src/core/series/state.ts';

/** Returns the numbers that have fallen since the last state. Call it with every state in order. */
export function createLedgerWatch(): (state: State) => string[] {
  let before = new Map<string, number>();
  return (state) => {
    const now = growingNumbers(state);
    const fallen = [...before].filter(([what, value]) => (now.get(what) ?? -1) < value);
    before = now;
    return fallen.map(([what]) => `${what} fell`);
  };
}

/** Every number of the ledger, by pair and name. */
function growingNumbers(state: State): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const [key, { totals }] of state.pairs) {
    for (const [name, value] of Object.entries(totals.counters)) numbers.set(`${key} ${name}`, value);
    for (const [name, { counts, sum }] of Object.entries(totals.histograms)) {
      for (const [bucket, count] of counts.entries()) numbers.set(`${key} ${name} ${bucket}`, count);
      numbers.set(`${key} ${name} sum`, sum);
    }
  }
  return numbers;
}
