/**
 * A set of commits, as a value: adding commits returns another set.
 *
 * It contains every commit that was ever delivered to a tier, so it must be small: keys of 53 bits in tables of
 * numbers, about 20 bytes per commit. Among a million commits, one new commit in ten billion is taken for a member.
 *
 * A set and those derived from it share a table: a set is the table's first `size` keys. Adding the same keys in the
 * same order as another set costs almost nothing. If two sets add different keys, the later one copies the table.
 */

/** Hash of a commit's id, see `commitKey`. */
export type CommitKey = number;

export interface CommitSet {
  readonly table: Table;
  readonly size: number;
}

interface Table {
  /** In the order in which they were added, each once. */
  keys: Float64Array;
  /** A hash table: index in `keys` plus one, 0: empty. A copy keeps the slots of the keys that it leaves out. */
  slots: Int32Array;
  /** Number of keys. */
  count: number;
  /** Number of slots that are not 0. */
  used: number;
}

const nothing: Table = { keys: new Float64Array(0), slots: new Int32Array(0), count: 0, used: 0 };

export const noCommits: CommitSet = { table: nothing, size: 0 };

export function hasCommit({ table, size }: CommitSet, key: CommitKey): boolean {
  if (size === 0) return false;
  const place = placeOf(table, key);
  return place >= 0 && place < size;
}

/** `set` plus `keys`; the same object if it has all of them already. */
export function withCommits(set: CommitSet, keys: readonly CommitKey[]): CommitSet {
  let { table, size } = set;
  for (const key of keys) {
    if (size < table.count && table.keys[size] === key) {
      size++;
      continue;
    }
    const place = placeOf(table, key);
    if (place >= 0 && place < size) continue;
    if (table === nothing || size < table.count) table = copyOf(table, size);
    append(table, key);
    size++;
  }
  return size === set.size ? set : { table, size };
}

/** `earlier` on the table of `later`, which is derived from it: adding the same keys to both then copies nothing. */
export function shareTable(earlier: CommitSet, later: CommitSet): CommitSet {
  return earlier.table === later.table ? earlier : { table: later.table, size: earlier.size };
}

/**
 * The sets `later`, each derived from the one before it, as if the first of them had been `set`. `null` if the sets
 * would then differ in more than the keys that only `set` has: it lacks a key of the first, or the last has one of
 * these keys too.
 */
export function carryCommits(set: CommitSet, later: readonly CommitSet[]): readonly CommitSet[] | null {
  const [first, last] = [later[0], later.at(-1)];
  if (!first || !last || set.size < first.size) return null;
  if (later.some(({ table }) => table !== last.table)) return null;
  let more = 0;
  for (let place = 0; place < set.size; place++) {
    const key = set.table.keys[place] ?? 0;
    if (place < first.size && first.table.keys[place] === key) continue;
    if (hasCommit(first, key)) continue;
    if (hasCommit(last, key)) return null;
    more++;
  }
  if (set.size - more !== first.size) return null;
  if (more === 0 && set.table === first.table) return later;
  const table = joinedTable(set, last.table.keys.subarray(first.size, last.size));
  return later.map(({ size }) => ({ table, size: size + more }));
}

function joinedTable({ table, size }: CommitSet, more: Float64Array): Table {
  const keys = new Float64Array(Math.ceil((size + more.length) * 1.5));
  keys.set(table.keys.subarray(0, size));
  keys.set(more, size);
  const joined = { keys, slots: table.slots, count: size + more.length, used: 0 };
  rebuildSlots(joined);
  return joined;
}

function placeOf({ keys, slots, count }: Table, key: number): number {
  if (slots.length === 0) return -1;
  const mask = slots.length - 1;
  for (let slot = key & mask; ; slot = (slot + 1) & mask) {
    const place = (slots[slot] ?? 0) - 1;
    if (place < 0) return -1;
    if (place < count && keys[place] === key) return place;
  }
}

function append(table: Table, key: number): void {
  if (table.count === table.keys.length) {
    const keys = new Float64Array(Math.max(16, Math.ceil(table.keys.length * 1.5)));
    keys.set(table.keys);
    table.keys = keys;
  }
  table.keys[table.count++] = key;
  if (table.used * 4 >= table.slots.length * 3) rebuildSlots(table);
  else occupy(table, table.count - 1);
}

/** Makes room for at least half as many keys again. */
function rebuildSlots(table: Table): void {
  table.slots = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(16, table.count * 2))));
  table.used = 0;
  for (let place = 0; place < table.count; place++) occupy(table, place);
}

function occupy(table: Table, place: number): void {
  const { keys, slots } = table;
  const mask = slots.length - 1;
  let slot = (keys[place] ?? 0) & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = place + 1;
  table.used++;
}

function copyOf({ keys, slots, used }: Table, size: number): Table {
  return { keys: keys.slice(0, size), slots: slots.slice(), count: size, used };
}

/** A hash of 53 bits (cyrb53). Most ids are hashes already, but some are abbreviated or are no hashes. */
export function commitKey(id: string): CommitKey {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index);
    low = Math.imul(low ^ code, 2654435761);
    high = Math.imul(high ^ code, 1597334677);
  }
  const mixedLow = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  const mixedHigh = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  return 0x1_0000_0000 * (mixedHigh & 0x1f_ffff) + (mixedLow >>> 0);
}
