/** Globs: `*` is any text, `?` is one character, a leading `!` excludes. */

function glob(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]');
  return new RegExp(`^${source}$`, 'u').test(value);
}

/** A value matches if no negated glob matches it, and a plain one does. With negated globs alone, all other values match. */
export function matches(patterns: string[], value: string): boolean {
  const excluded = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const included = patterns.filter((pattern) => !pattern.startsWith('!'));
  if (excluded.some((pattern) => glob(pattern, value))) return false;
  if (included.some((pattern) => glob(pattern, value))) return true;
  return included.length === 0 && excluded.length > 0;
}

export function matchesAnyCase(patterns: string[], value: string): boolean {
  return matches(
    patterns.map((pattern) => pattern.toLowerCase()),
    value.toLowerCase(),
  );
}
