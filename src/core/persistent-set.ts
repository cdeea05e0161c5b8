/**
 * A set of texts that only grows, as a value: adding gives another set and leaves this one as it was.
 *
 * A hash trie: sets that grow from one another share all nodes but those on the way to what was added. Two sets of the
 * same texts have the same nodes, in whatever order the texts were added.
 */

export interface GrowingSet {
  readonly root: Node;
  readonly size: number;
}

/** By four bits of the hash: a text, or a node of those that share these bits. Below the last bits: texts in order. */
type Node = readonly (Node | string | undefined)[];

const slots = 16;
const bitsPerLevel = 4;
const lowestLevel = 32 / bitsPerLevel;
const emptyNode: Node = new Array<undefined>(slots).fill(undefined);

export const emptySet: GrowingSet = { root: emptyNode, size: 0 };

export function isIn({ root }: GrowingSet, text: string): boolean {
  const hash = hashOf(text);
  let node = root;
  for (let level = 0; level < lowestLevel; level++) {
    const entry = node[slotOf(hash, level)];
    if (entry === undefined || typeof entry === 'string') return entry === text;
    node = entry;
  }
  return node.includes(text);
}

/** The same set if it holds all of `texts` already. */
export function withTexts(set: GrowingSet, texts: readonly string[]): GrowingSet {
  let { root, size } = set;
  for (const text of texts) {
    const grown = add(root, 0, hashOf(text), text);
    if (grown === root) continue;
    root = grown;
    size++;
  }
  return size === set.size ? set : { root, size };
}

/** The same node if it holds the text already. */
function add(node: Node, level: number, hash: number, text: string): Node {
  if (level === lowestLevel) {
    return node.includes(text) ? node : [...node.filter((one) => one !== undefined), text].sort();
  }
  const slot = slotOf(hash, level);
  const entry = node[slot];
  if (entry === text) return node;
  const grown = entry === undefined ? text : add(asNode(entry, level + 1), level + 1, hash, text);
  return grown === entry ? node : node.with(slot, grown);
}

function asNode(entry: Node | string, level: number): Node {
  if (typeof entry !== 'string') return entry;
  return level === lowestLevel ? [entry] : emptyNode.with(slotOf(hashOf(entry), level), entry);
}

function slotOf(hash: number, level: number): number {
  return (hash >>> (level * bitsPerLevel)) % slots;
}

/** FNV-1a, see http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
