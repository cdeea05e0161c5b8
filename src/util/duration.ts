/** Durations as operators write them. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** A century: from any time of a pipeline, that far back is still a date. */
const longestSeconds = 36_500 * 86_400;

/** `30s`, `5m`, `12h`, `120d` or `0`; `null` for all else: a number without a unit, and what is longer than `atMost`. */
export function parseDurationSeconds(text: string, atMost = longestSeconds): number | null {
  if (text === '0') return 0;
  const match = /^(\d{1,12})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  return seconds <= atMost ? seconds : null;
}
