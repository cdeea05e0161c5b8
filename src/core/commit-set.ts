/**
 * A set of commits that only grows, as a value: adding gives another set and leaves this one as it was.
 *
 * It remembers every commit that was ever delivered to a tier, so it must be small: it holds keys of 53 bits in tables of
 * numbers, about 20 bytes for each commit. If it holds a million, one new commit in ten billion looks like one of them.
 *
 * Sets that grow from one another share a table. A set is the table's first `size` keys. To add what another set has added
 * in the same order costs next to nothing; if two sets grow apart, the later one copies the table.
 */

/** Stands for a commit. */
export type CommitKey = number;

export interface CommitSet {
  readonly table: Table;
  readonly size: number;
}

interface Table {
  /** In the order in which they were added, each once. */
  keys: Float64Array;
  /** By key: the place of a key plus one, 0 if none. Slots of keys that a copy has left out stay, and match nothing. */
  slots: Int32Array;
  /** How many keys there are. */
  count: number;
  /** How many slots are not 0. */
  used: number;
}

const nothing: Table = { keys: new Float64Array(0), slots: new Int32Array(0), count: 0, used: 0 };

export const noCommits: CommitSet = { table: nothing, size: 0 };

export function hasCommit({ table, size }: CommitSet, key: CommitKey): boolean {
  if (size === 0) return false;
  const place = placeOf(table, key);
  return place >= 0 && place < size;
}

/** The same set if it has all of them already. */
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

/** `earlier`, sharing the table of a set that grew from it: what grows from both no longer copies. */
export function shareTable(earlier: CommitSet, later: CommitSet): CommitSet {
  return earlier.table === later.table ? earlier : { table: later.table, size: earlier.size };
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

/** With room for half as many keys again. */
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

/** A hash of 53 bits (cyrb53). Ids of commits are spread evenly already, but may be abbreviated or be no hashes. */
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
