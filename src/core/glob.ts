/**
 * Globs as the policy file uses them: `*` is any run of characters, slashes included, `?` is any one character, all
 * else is itself. Guarantees time linear in pattern times text: no pattern can make it backtrack without end.
 */

/** Whether the whole of `text` matches `pattern`. */
export function matchesGlob(pattern: string, text: string): boolean {
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      starAt = patternAt++;
      resumeAt = textAt;
    } else if (wanted === '?' || wanted === text[textAt]) {
      patternAt++;
      textAt++;
    } else if (starAt >= 0) {
      patternAt = starAt + 1;
      textAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '*') patternAt++;
  return patternAt === pattern.length;
}

/** Whether `text` matches a pattern, and none that begins with `!`. Such patterns alone mean: all but these. */
export function matchesAnyGlob(patterns: readonly string[], text: string): boolean {
  if (patterns.length === 0) return false;
  let isIn: boolean | null = null;
  for (const pattern of patterns) {
    if (!pattern.startsWith('!')) isIn = isIn || matchesGlob(pattern, text);
    else if (matchesGlob(pattern.slice(1), text)) return false;
  }
  return isIn ?? true;
}

/** The same for text that is equal whatever its case: names of repos, deploy targets. */
export function matchesAnyGlobIgnoringCase(patterns: readonly string[], text: string): boolean {
  return matchesAnyGlob(
    patterns.map((pattern) => pattern.toLowerCase()),
    text.toLowerCase(),
  );
}
