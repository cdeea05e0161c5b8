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

/** Below 0 if `b` outranks `a`. A word that is not ranked is below all that are, and no word is below every word. */
export function compareRanks(a: string, b: string): number {
  return rankOf(a) - rankOf(b);
}

function rankOf(word: string): number {
  return word === '' ? -2 : ranked.indexOf(word);
}
