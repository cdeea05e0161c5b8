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

/** Whether `text` matches any of `patterns`. */
export function matchesAnyGlob(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesGlob(pattern, text));
}

/** The same for what forges treat as equal whatever its case: names of repos. */
export function matchesAnyGlobIgnoringCase(patterns: readonly string[], text: string): boolean {
  const lower = text.toLowerCase();
  return patterns.some((pattern) => matchesGlob(pattern.toLowerCase(), lower));
}
