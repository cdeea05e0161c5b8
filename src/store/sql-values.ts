/** Values of SQLite's columns. */

export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

export function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

export function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
