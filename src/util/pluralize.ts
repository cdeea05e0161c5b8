/** A count and its noun: `1 repo`, `2 repos`. `many`: the plural, if it is not formed with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
