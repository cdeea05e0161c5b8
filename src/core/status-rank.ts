/** From early to late. Pipelines, workflows and steps use the same words: Woodpecker's `StatusValue`. */
const ranked = [
  'created',
  'blocked',
  'pending',
  'running',
  'skipped',
  'success',
  'declined',
  'canceled',
  'killed',
  'error',
  'failure',
];

/** Below 0 if `b` outranks `a`. A word that is not ranked is below all. */
export function compareRanks(a: string, b: string): number {
  return ranked.indexOf(a) - ranked.indexOf(b);
}
