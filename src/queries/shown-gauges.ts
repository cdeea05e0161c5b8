/** Gauges of a series that pages show. */

import { gauges } from '../core/series/samples.ts';

/** In the order of `gauges`. */
type Values = readonly number[];

const placeOf = (name: string) => gauges.findIndex((gauge) => gauge.name === name);
const failingSincePlace = placeOf('dora_deployment_failing_since_timestamp');
const lastPlaces = [
  placeOf('dora_deployment_last_success_timestamp'),
  placeOf('dora_deployment_last_failure_timestamp'),
];

/** Unix seconds; 0: it is not failing. */
export function failingSince(values: Values): number {
  return values[failingSincePlace] ?? 0;
}

/** Unix seconds of the last deployment; 0: there is none. */
export function lastAt(values: Values): number {
  return Math.max(...lastPlaces.map((place) => values[place] ?? 0));
}
