/**
 * The `q`-quantile of values in ascending order, linearly interpolated as PostgreSQL's `percentile_cont`
 * (https://www.postgresql.org/docs/current/functions-aggregate.html); `null` of no values.
 */
export function quantileOf(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below] ?? 0;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low;
  return low + (high - low) * (place - below);
}
