/** Durations as operators write them. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** A century: any time of a pipeline minus this is still a valid date. */
const longestSeconds = 36_500 * 86_400;

/** `30s`, `5m`, `12h`, `120d` or `0`; `null` for other text, a number without a unit, or more than `atMost`. */
export function parseDurationSeconds(text: string, atMost = longestSeconds): number | null {
  if (text === '0') return 0;
  const match = /^(\d{1,12})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  return seconds <= atMost ? seconds : null;
}
