/** Upper bounds of the buckets of lead times and recoveries, in seconds: from minutes to months. */

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
