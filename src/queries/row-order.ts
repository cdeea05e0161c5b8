/** The order of rows, for a table that shows the first of many. */

import { compareText } from '../core/compare-text.ts';
import type { PairRow, RowOrder } from '../core/overview.ts';
import type { SeriesSample } from '../core/series/samples.ts';

export interface RowOrderOptions {
  readonly order: RowOrder;
  readonly isDescending: boolean;
  readonly most: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

const rowsAtOnce = 200;

/** What rows are ordered by; rows without it come last. */
const keyOf: Readonly<Record<RowOrder, (row: PairRow) => number | string | null>> = {
  failing: ({ failingSince }) => failingSince || null,
  repo: ({ repo }) => repo.toLowerCase(),
  deployments: ({ figures }) => figures?.deployments ?? 0,
  lead_time: ({ figures }) => figures?.changeLeadTime.median ?? null,
  fail_rate: ({ figures }) => figures?.changeFailRate ?? null,
  recovery: ({ figures }) => figures?.recoveryTime.median ?? null,
  rework: ({ figures }) => figures?.reworkRate ?? null,
  last: ({ lastAt }) => lastAt || null,
};

/** The first rows in order, equal ones by name. */
export async function orderRows(
  samples: readonly SeriesSample[],
  rowOf: (sample: SeriesSample) => PairRow,
  { order, isDescending, most, yieldToEventLoop }: RowOrderOptions,
): Promise<readonly PairRow[]> {
  const read = keyOf[order];
  const keyed: { readonly row: PairRow; readonly value: number | string | null }[] = [];
  for (const [index, sample] of samples.entries()) {
    const row = rowOf(sample);
    keyed.push({ row, value: read(row) });
    if (index % rowsAtOnce === 0) await yieldToEventLoop();
  }
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compareNames(a.row, b.row);
    }
    const difference =
      typeof a.value === 'string' || typeof b.value === 'string'
        ? compareText(String(a.value), String(b.value))
        : a.value - b.value;
    return (isDescending ? -difference : difference) || compareNames(a.row, b.row);
  });
  await yieldToEventLoop();
  return keyed.slice(0, most).map(({ row }) => row);
}

function compareNames(a: PairRow, b: PairRow): number {
  return compareText(a.repo.toLowerCase(), b.repo.toLowerCase()) || compareText(a.tier, b.tier);
}
