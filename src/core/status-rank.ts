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

/** Below 0 if `b` outranks `a`. An unknown word is below all known ones; an empty one is below all words. */
export function compareRanks(a: string, b: string): number {
  return rankOf(a) - rankOf(b);
}

function rankOf(word: string): number {
  return word === '' ? -2 : ranked.indexOf(word);
}
