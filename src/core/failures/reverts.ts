/** Reads from a commit's message which commits it reverts. */

/** `git revert` writes `This reverts commit <sha>.`; people write `revert <sha>`. */
const revertedCommit = /\b(?:this reverts commit|revert) ([0-9a-f]{7,64})\b/gi;
/** A revert of a revert restores the commit. */
const restoresCommit = /^\s*(?:revert "revert|reapply|revert revert)/i;

/** Far more than anybody reverts at once. */
const mostReverts = 100;

/** Ids in lower case, each once, in order, a hundred at most; they may be abbreviated. */
export function revertedBy(message: string): readonly string[] {
  if (restoresCommit.test(message)) return none;
  const found = [...message.matchAll(revertedCommit)].map(([, id = '']) => id.toLowerCase());
  return found.length === 0 ? none : [...new Set(found)].slice(0, mostReverts);
}

const none: readonly string[] = [];
