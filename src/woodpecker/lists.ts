/**
 * Reads Woodpecker's lists row by row, and omits unreadable rows. Refuses a list if a hundred rows are unreadable, and these
 * are more than the readable ones.
 */

import type { z } from 'zod';
import { NotAList, type RowLimits, readRows } from '../util/json-rows.ts';
import { firstProblem, type ReadBody, Unexpected } from '../util/read-json.ts';
import { describeIssue } from '../util/validate.ts';

export interface Listed<T> {
  readonly rows: readonly T[];
  /** Ids in unreadable rows: their repos or pipelines exist. */
  readonly oddIds: readonly number[];
  /** Number of rows, readable or not. */
  readonly length: number;
}

/** An unreadable row. */
export interface OddRow {
  /** Name, number, id or position of the row. */
  readonly row: string;
  readonly id: number | null;
  readonly problem: string;
}

/** `GET /api/user/repos` returns all repos in one list, about 2 kB each. */
const limits: RowLimits = {
  listBytes: 256 * 1024 * 1024,
  rows: 200_000,
  rowBytes: 1024 * 1024,
  rowValues: 40_000,
};
const mostOddRows = 100;
const longestName = 100;

/** Reads a list from the body of an answer. Rejects with `Unexpected`. */
export function listOf<T>(item: z.ZodType<T>, onOddRow: (row: OddRow) => void): ReadBody<Listed<T>> {
  return async (body) => {
    const rows: T[] = [];
    const odd: OddRow[] = [];
    let length = 0;
    try {
      await readRows(body, limits, (row) => {
        length++;
        const read = readRow(item, row, length);
        if (read.ok) rows.push(read.value);
        else odd.push(read.odd);
        if (odd.length < mostOddRows || odd.length <= rows.length) return;
        throw new Unexpected(`${odd.length} of its first ${length} rows cannot be read: ${odd[0]?.problem}`);
      });
    } catch (error) {
      throw error instanceof NotAList ? new Unexpected(error.message) : error;
    }
    for (const row of odd) onOddRow(row);
    return { rows, oddIds: odd.flatMap(({ id }) => id ?? []), length };
  };
}

type ReadRow<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly odd: OddRow };

function readRow<T>(item: z.ZodType<T>, row: { readonly value: unknown } | null, place: number): ReadRow<T> {
  if (row === null) return { ok: false, odd: { row: `row ${place}`, id: null, problem: 'Too large' } };
  const parsed = item.safeParse(row.value, { error: describeIssue });
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, odd: { ...nameOf(row.value, place), problem: firstProblem(parsed.error) } };
}

function nameOf(value: unknown, place: number): Pick<OddRow, 'row' | 'id'> {
  const fields: Readonly<Record<string, unknown>> =
    typeof value === 'object' && value !== null ? { ...value } : {};
  const { full_name: name, number, id } = fields;
  const knownId = typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : null;
  if (typeof name === 'string' && name !== '') return { row: name.slice(0, longestName), id: knownId };
  if (typeof number === 'number') return { row: `number ${number}`, id: knownId };
  return { row: knownId === null ? `row ${place}` : `id ${knownId}`, id: knownId };
}
