/** Guesses the word that somebody mistyped. */

/** The candidate nearest to a mistyped word; `null` if none is near. */
export function closest(word: string, candidates: readonly string[]): string | null {
  for (let edits = 1; edits <= Math.min(3, Math.ceil(word.length / 3)); edits++) {
    const near = candidates.find((candidate) => isWithin(edits, word, candidate));
    if (near !== undefined) return near;
  }
  return null;
}

function isWithin(edits: number, a: string, b: string): boolean {
  if (a === b) return true;
  const [restA, restB] = [a.slice(1), b.slice(1)];
  if (a[0] === b[0]) return isWithin(edits, restA, restB);
  if (edits === 0) return false;
  return isWithin(edits - 1, restA, b) || isWithin(edits - 1, a, restB) || isWithin(edits - 1, restA, restB);
}
