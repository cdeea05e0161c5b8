/** A count before its noun, for people: `1 repo`, `2 repos`. `many` where an s is not what makes it several. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
