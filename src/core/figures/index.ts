/** All figures. To add one, write a file beside this one and a line below. */

import { changeFailRate } from './change-fail-rate.ts';
import { changeLeadTime } from './change-lead-time.ts';
import { deploymentDuration } from './deployment-duration.ts';
import { deploymentFrequency } from './deployment-frequency.ts';
import type { EpisodeMeasure, Figure } from './figure.ts';
import { lastOutcome } from './last-outcome.ts';
import { recoveryTime } from './recovery-time.ts';
import { reworkRate } from './rework-rate.ts';

/** Only a figure itself knows the type of its state. */
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
