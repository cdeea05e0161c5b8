/**
 * The policy's regular expressions on commit messages. Anybody who can push writes such a message, so the engine is
 * RE2: its time is linear in the message, whatever the pattern. The policy's patterns are bounded together, because
 * that time also grows with the size of their program.
 */

import { RE2JS, RE2JSException } from 're2js';

/** Bounds the time of compiling a pattern. */
export const longestPattern = 1000;
/**
 * The most instructions that all patterns of a list may compile to. A word takes about one per letter. Measured: 500
 * instructions and the worst message of 512 characters take about 20 ms.
 */
export const largestProgram = 500;

/** The mistake in one pattern; `null`: there is none. */
export function patternProblem(source: string): string | null {
  if (source.length > longestPattern) return `expected at most ${longestPattern} characters`;
  try {
    // With a flag, the engine's message would quote the flag as part of the pattern.
    RE2JS.compile(source);
    return null;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const problem = error.message.replace(/^error parsing regexp: /, '');
    return `expected RE2 syntax, which has no look-around and no back-references: ${problem}`;
  }
}

/** The mistake in a list of patterns that are valid on their own; `null`: there is none. */
export function patternListProblem(sources: readonly string[]): string | null {
  const size = sources.reduce((sum, source) => sum + compile(source).programSize(), 0);
  if (size <= largestProgram) return null;
  return `expected patterns of at most ${largestProgram} instructions together, got ${size}: use fewer or smaller repetitions`;
}

/** Whether the text matches any of the patterns, regardless of case. Throws if a pattern has a problem. */
export function matchesAnyPattern(sources: readonly string[], text: string): boolean {
  return compiledList(sources).some((pattern) => pattern.test(text));
}

/** A cache: the first use of a policy's list compiles it; it is garbage-collected with its policy. */
const compiledLists = new WeakMap<readonly string[], readonly RE2JS[]>();

function compiledList(sources: readonly string[]): readonly RE2JS[] {
  const known = compiledLists.get(sources);
  if (known) return known;
  const compiled = sources.map(compile);
  compiledLists.set(sources, compiled);
  return compiled;
}

function compile(source: string): RE2JS {
  return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
}
