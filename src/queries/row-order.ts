/** The order of rows, for a table that shows the first of many. */

import { compareText } from '../core/compare-text.ts';
import { figuresByName } from '../core/figures/index.ts';
import { createFirstItems } from '../core/first-items.ts';
import type { PairRow, RowOrder } from '../core/overview.ts';
import type { SeriesSample } from '../core/series/samples.ts';

export interface RowOrderOptions {
  readonly order: RowOrder;
  readonly isDescending: boolean;
  readonly most: number;
  readonly yieldToEventLoop: () => Promise<void>;
}

const rowsAtOnce = 200;

type Key = number | string | null;

/** Reads the value by which rows are ordered; rows without it come last. */
function keyOf(order: RowOrder): (row: PairRow) => Key {
  if (order === 'failing') return ({ failingSince }) => failingSince || null;
  if (order === 'repo') return ({ repo }) => repo.toLowerCase();
  if (order === 'last') return ({ lastAt }) => lastAt || null;
  const figure = Object.values(figuresByName).find(({ column }) => column.order === order);
  const countOf = figure?.countOf;
  if (countOf) return ({ figures }) => (figures ? countOf(figures) : 0);
  return ({ figures }) => (figure && figures ? figure.valueOf(figures) : null);
}

/** The first rows in order, equal ones by name. */
export async function orderRows(
  samples: readonly SeriesSample[],
  rowOf: (sample: SeriesSample) => PairRow,
  { order, isDescending, most, yieldToEventLoop }: RowOrderOptions,
): Promise<readonly PairRow[]> {
  const read = keyOf(order);
  const compare = (a: Keyed, b: Keyed): number => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || compareNames(a, b);
    }
    const difference =
      typeof a.value === 'string' || typeof b.value === 'string'
        ? compareText(String(a.value), String(b.value))
        : a.value - b.value;
    return (isDescending ? -difference : difference) || compareNames(a, b);
  };
  const first = createFirstItems(most, compare);
  for (const [index, sample] of samples.entries()) {
    const row = rowOf(sample);
    first.add({ row, value: read(row), name: row.repo.toLowerCase() });
    if (index % rowsAtOnce === 0) await yieldToEventLoop();
  }
  return first.items().map(({ row }) => row);
}

interface Keyed {
  readonly row: PairRow;
  readonly value: Key;
  /** In lower case. */
  readonly name: string;
}

function compareNames(a: Keyed, b: Keyed): number {
  return compareText(a.name, b.name) || compareText(a.row.tier, b.row.tier);
}
