/** The part of a pipeline that did not run, and the reason, in words. */

import type { MissedPart, Stop } from '../core/stop.ts';

export function missedPartWords({ workflows, steps, isPresent, stop }: MissedPart): string {
  const part = [steps && `step ${anyOf(steps)}`, workflows && `workflow ${anyOf(workflows)}`]
    .filter((one) => one !== null)
    .join(' of ');
  const missed = isPresent ? `${part} did not run` : `the pipeline has no ${part}`;
  return stop ? `${missed}; it stopped at ${stopWords(stop)}` : missed;
}

/** The place in short, such as `deploy / migrate`. */
export function placeWords({ workflow, step }: Stop): string {
  return step === null ? workflow : `${workflow} / ${step}`;
}

function stopWords({ workflow, step, end }: Stop): string {
  const place = step === null ? `workflow ${workflow}` : `step ${step} of workflow ${workflow}`;
  return `${place}, which ${end === 'failure' ? 'failed' : 'was killed'}`;
}

function anyOf(globs: readonly string[]): string {
  return globs.join(' or ');
}
