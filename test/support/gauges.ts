/** The gauges of a timeline by name, so that tests do not depend on their positions. */

import { gauges, gaugesOf as gaugesOfAll } from '../../src/core/series/samples.ts';
import type { Timeline } from '../../src/core/series/timeline.ts';

export interface GaugeValues {
  readonly lastSuccess: number;
  readonly lastFailure: number;
  readonly failingSince: number;
}

export function gaugesOf(timeline: Timeline): GaugeValues {
  return nameGauges(gaugesOfAll([timeline]));
}

/** `values` in the order of `gauges`, as a projected series has them. */
export function nameGauges(values: readonly number[]): GaugeValues {
  const gaugeNamed = (name: string): number => {
    const value = values[gauges.findIndex((gauge) => gauge.name === name)];
    if (value === undefined) throw new Error(`No gauge is named "${name}"`);
    return value;
  };
  return {
    lastSuccess: gaugeNamed('dora_deployment_last_success_timestamp'),
    lastFailure: gaugeNamed('dora_deployment_last_failure_timestamp'),
    failingSince: gaugeNamed('dora_deployment_failing_since_timestamp'),
  };
}
