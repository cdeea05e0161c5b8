/**
 * Globs as the policy file uses them: `*` is any run of characters, slashes included, `?` is any one character, all
 * else is itself. Guarantees: the time is at most linear in pattern length times text length, for any pattern.
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

/** Whether `text` matches a pattern, and none that begins with `!`. If all begin with `!`, they mean: all but these. */
export function matchesAnyGlob(patterns: readonly string[], text: string): boolean {
  if (patterns.length === 0) return false;
  let isIn: boolean | null = null;
  for (const pattern of patterns) {
    if (!pattern.startsWith('!')) isIn = isIn || matchesGlob(pattern, text);
    else if (matchesGlob(pattern.slice(1), text)) return false;
  }
  return isIn ?? true;
}

/** As `matchesAnyGlob`, without regard to case: for names of repos and deploy targets. */
export function matchesAnyGlobIgnoringCase(patterns: readonly string[], text: string): boolean {
  return matchesAnyGlob(
    patterns.map((pattern) => pattern.toLowerCase()),
    text.toLowerCase(),
  );
}
