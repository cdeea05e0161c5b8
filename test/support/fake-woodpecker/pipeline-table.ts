/**
 * The pipelines of one repo. Guarantees that they stay sorted by number, so that a page without filters costs only
 * itself however many there are, and that a filtered page stops at its last row. Rows are replaced, never edited.
 */

import type { PipelineRow, Status, Workflow } from './model.ts';

export interface PipelineEntry {
  readonly row: PipelineRow;
  /** Built at the first use, so that a hundred thousand pipelines need little memory. */
  readonly workflows: () => readonly Workflow[];
}

/** Filters of the list of pipelines; `before` and `after` compare `created` strictly. */
export interface PipelineFilter {
  readonly before?: number;
  readonly after?: number;
  readonly status?: Status;
}

export interface Page {
  /** From 1. */
  readonly page: number;
  readonly perPage: number;
}

export type PipelineTable = ReturnType<typeof createPipelineTable>;

function toTest(filter: PipelineFilter): ((row: PipelineRow) => boolean) | null {
  const { before, after, status } = filter;
  const tests: ((row: PipelineRow) => boolean)[] = [];
  if (before) tests.push((row) => row.created < before);
  if (after) tests.push((row) => row.created > after);
  if (status) tests.push((row) => row.status === status);
  return tests.length === 0 ? null : (row) => tests.every((test) => test(row));
}

export function createPipelineTable() {
  const entries: PipelineEntry[] = [];

  /** The index of `number`, or the index to insert it. */
  function indexOf(number: number): number {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[middle]?.row.number ?? Infinity) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function find(number: number): PipelineEntry | null {
    const entry = entries[indexOf(number)];
    return entry?.row.number === number ? entry : null;
  }

  return {
    get highestNumber(): number {
      return entries.at(-1)?.row.number ?? 0;
    },
    /** By number, ascending. */
    entries: (): readonly PipelineEntry[] => entries,
    find,
    /** Throws if the number is taken. */
    insert(entry: PipelineEntry): void {
      const { number } = entry.row;
      if (find(number)) throw new Error(`The repo already has a pipeline ${number}`);
      entries.splice(indexOf(number), 0, entry);
    },
    /** Replaces the entry with the same number. */
    replace(entry: PipelineEntry): void {
      entries[indexOf(entry.row.number)] = entry;
    },
    remove(number: number): void {
      entries.splice(indexOf(number), 1);
    },
    /** By number, descending. */
    list({ page, perPage }: Page, filter: PipelineFilter): readonly PipelineRow[] {
      const skip = (page - 1) * perPage;
      const test = toTest(filter);
      if (!test) {
        const end = Math.max(0, entries.length - skip);
        const found = entries.slice(Math.max(0, end - perPage), end);
        return found.reverse().map(({ row }) => row);
      }
      const rows: PipelineRow[] = [];
      let matched = 0;
      for (let index = entries.length - 1; index >= 0 && rows.length < perPage; index -= 1) {
        const row = entries[index]?.row;
        if (!row || !test(row)) continue;
        matched += 1;
        if (matched > skip) rows.push(row);
      }
      return rows;
    },
  };
}
