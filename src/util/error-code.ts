/** What the system, or Node, calls an error: such as `EEXIST`; `undefined` where it is none of theirs. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
