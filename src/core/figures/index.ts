/** All figures. To add one, write a file beside this one, and add it to the lists below. */

import { changeFailRate } from './change-fail-rate.ts';
import { changeLeadTime } from './change-lead-time.ts';
import { deploymentDuration } from './deployment-duration.ts';
import { deploymentFrequency } from './deployment-frequency.ts';
import type { EpisodeMeasure, Figure } from './figure.ts';
import { lastOutcome } from './last-outcome.ts';
import { recoveryTime } from './recovery-time.ts';
import { reworkRate } from './rework-rate.ts';

/** In the order of their metrics. Only a figure itself knows the type of its state. */
export const figures: readonly Figure<unknown>[] = [
  deploymentFrequency,
  changeFailRate,
  reworkRate,
  lastOutcome,
  recoveryTime,
  changeLeadTime,
  deploymentDuration,
] as readonly Figure<unknown>[];

export const episodeMeasures: readonly EpisodeMeasure[] = figures.flatMap(
  (figure) => figure.episodeMeasures ?? [],
);

/** The figures that windows, API and pages show, by name, in the order of the pages. */
export const figuresByName = {
  deployment_frequency: deploymentFrequency,
  change_lead_time: changeLeadTime,
  change_fail_rate: changeFailRate,
  failed_deployment_recovery_time: recoveryTime,
  deployment_rework_rate: reworkRate,
};
export type FigureName = keyof typeof figuresByName;
export type NamedFigure = (typeof figuresByName)[FigureName];

/** The figures that dora.dev's Quick Check asks for, in the order of its questions. */
export const quickCheckFigures = {
  change_lead_time: changeLeadTime,
  deployment_frequency: deploymentFrequency,
  failed_deployment_recovery_time: recoveryTime,
  change_fail_rate: changeFailRate,
  deployment_rework_rate: reworkRate,
};
