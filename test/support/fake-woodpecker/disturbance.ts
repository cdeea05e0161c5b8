/**
 * What goes wrong with messages between Woodpecker's publisher and the event streams, on demand. A disturbance stays until
 * it is used up or the post is calmed, and draws chance only from the random function it is given. It acts on a message
 * once, for all streams alike; who receives it was settled when it was published.
 */

/** What happens to messages on their way to the streams. Chances are between 0 and 1. */
export interface Disturbance {
  /** For the next so many messages; until cleared by default. */
  readonly messages?: number;
  readonly delayMs?: number | (() => number);
  /** Chance of a message to arrive twice; `true` is always. */
  readonly duplicate?: number | boolean;
  /** Chance of a message to be lost. */
  readonly lose?: number | boolean;
  /** Collects so many messages, then sends them in random order. */
  readonly shuffle?: number;
  /** Needed for chances between 0 and 1 and for `shuffle`; without it a shuffle reverses. */
  readonly random?: () => number;
}

interface Letter {
  readonly send: () => void;
}

/** Stands between the publisher and the streams. */
export function createPost() {
  let disturbance: Disturbance = {};
  let left = 0;
  let held: Letter[] = [];
  const timers = new Set<NodeJS.Timeout>();

  function happens(chance: number | boolean | undefined): boolean {
    if (chance === undefined || typeof chance === 'boolean') return chance ?? false;
    return (disturbance.random ?? (() => 0))() < chance;
  }

  function deliver(letter: Letter): void {
    const { delayMs = 0 } = disturbance;
    const wait = typeof delayMs === 'function' ? delayMs() : delayMs;
    if (wait <= 0) {
      letter.send();
      return;
    }
    const timer = setTimeout(() => {
      timers.delete(timer);
      letter.send();
    }, wait);
    timers.add(timer);
  }

  function flush(): void {
    const letters = held;
    held = [];
    const random = disturbance.random ?? (() => 0);
    if (disturbance.random === undefined) letters.reverse();
    else {
      for (let last = letters.length - 1; last > 0; last -= 1) {
        const other = Math.floor(random() * (last + 1));
        const [a, b] = [letters[last], letters[other]];
        if (a && b) [letters[last], letters[other]] = [b, a];
      }
    }
    for (const letter of letters) deliver(letter);
  }

  function calm(): void {
    flush();
    disturbance = {};
    left = 0;
  }

  return {
    disturb(next: Disturbance): void {
      calm();
      disturbance = next;
      left = next.messages ?? Infinity;
    },
    /** Sends what is held back and leaves later messages alone. */
    calm,
    accept(letter: Letter): void {
      if (left <= 0) {
        letter.send();
        return;
      }
      left -= 1;
      const copies = happens(disturbance.lose) ? 0 : happens(disturbance.duplicate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) held.push(letter);
      if (held.length >= (disturbance.shuffle ?? 1) || left <= 0) flush();
      if (left <= 0) calm();
    },
    /** Forgets everything under way. */
    discard(): void {
      held = [];
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
