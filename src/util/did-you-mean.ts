/** Guesses the meant word from a mistyped one. */

/** The candidate that needs the fewest edits; `null`: each needs more than three, or than a third of the letters. */
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
