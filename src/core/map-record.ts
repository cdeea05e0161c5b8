/** A record with the same keys, each with the value that `map` returns. */
export function mapRecord<Key extends string, Value, Result>(
  record: Readonly<Record<Key, Value>>,
  map: (value: Value, key: Key) => Result,
): Record<Key, Result> {
  const mapped = {} as Record<Key, Result>;
  for (const key of Object.keys(record) as Key[]) mapped[key] = map(record[key], key);
  return mapped;
}
