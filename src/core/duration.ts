/** Durations as operators write them: a whole number and a unit, such as `30s`, `5m`, `12h`, `120d`; or `0`. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** In seconds; `null` for what is not a duration. */
export function parseDurationSeconds(text: string): number | null {
  if (text === '0') return 0;
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const unit = secondsPerUnit[match?.[2] ?? ''];
  return match && unit !== undefined ? Number(match[1]) * unit : null;
}
