/** The code of an error of the system or of Node, such as `EEXIST`; `undefined` for other errors. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
