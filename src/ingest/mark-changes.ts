/** One transaction's changes to operators' marks. Later steps see earlier ones; the state is only read. */

import { type MarkPlace, markKey, type StoredMark } from '../core/failures/operator-mark.ts';
import type { State } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';
import type { Room } from './room.ts';

export interface MarkChanges {
  /** The mark of a deployment, with the changes of this transaction; `null`: none. */
  get(place: MarkPlace): StoredMark | null;
  /** Replaces the mark of the same pipeline and tier; `false`: the limit allows no further mark. */
  put(mark: StoredMark): Promise<boolean>;
  drop(place: MarkPlace): Promise<void>;
  /** Moves all marks of one repo to another; an existing mark of `into` wins. */
  rebind(from: number, into: number): Promise<void>;
  /** Deletes reasons that are too old. */
  dropOldReasons(): Promise<void>;
  /** By `markKey`; `null`: dropped. */
  changed(): ReadonlyMap<string, StoredMark | null>;
}

/** A mark takes some hundred bytes of memory. */
const mostMarks = 100_000;

/** `textsSince`: Unix seconds; reasons of earlier marks are deleted. */
export function createMarkChanges(
  tx: Transaction,
  state: State,
  room: Room,
  textsSince: number,
): MarkChanges {
  const changed = new Map<string, StoredMark | null>();
  let added = 0;
  const get = (place: MarkPlace): StoredMark | null => {
    const key = markKey(place);
    return changed.has(key) ? (changed.get(key) ?? null) : state.markOf(place);
  };
  const put = async (mark: StoredMark): Promise<void> => {
    if (!get(mark)) added++;
    await tx.marks.put(mark);
    changed.set(markKey(mark), mark);
  };
  const drop = async (place: MarkPlace): Promise<void> => {
    if (!get(place)) return;
    added--;
    await tx.marks.drop(place);
    changed.set(markKey(place), null);
  };
  return {
    get,
    async put(mark) {
      if (!get(mark) && !room.admits('mark', state.marks.size + added, mostMarks)) return false;
      await put(mark);
      return true;
    },
    drop,
    async rebind(from, into) {
      const places = new Map([...state.marks, ...changed].filter(([, mark]) => mark?.repo === from));
      for (const mark of places.values()) {
        if (!mark || !get(mark)) continue;
        const moved = { ...mark, repo: into };
        if (!get(moved)) await put(moved);
        await drop(mark);
      }
    },
    async dropOldReasons() {
      for (const mark of state.marks.values()) {
        if (mark.reason === null || mark.markedAt >= textsSince || changed.has(markKey(mark))) continue;
        const silent = { ...mark, reason: null };
        await tx.marks.put(silent);
        changed.set(markKey(mark), silent);
      }
    },
    changed: () => changed,
  };
}
