/** Upper bounds, in seconds, for what takes from minutes to months: lead times and recoveries. */

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export const longTimeBuckets: readonly number[] = [
  5 * minute,
  15 * minute,
  hour,
  4 * hour,
  day,
  3 * day,
  7 * day,
  30 * day,
  180 * day,
];
