/**
 * Faults of messages between Woodpecker's publisher and the event streams, on demand. A disturbance stays until it is used
 * up or `calm` is called. It is random only by the given random function. It affects a message once, for all streams; the
 * recipients are determined when the message is published.
 */

/** Changes to messages on their way to the streams. Chances are between 0 and 1. */
export interface Disturbance {
  /** Number of messages that it affects; by default, all until it is cleared. */
  readonly messages?: number;
  readonly delayMs?: number | (() => number);
  /** Chance of a message to arrive twice; `true` is always. */
  readonly duplicate?: number | boolean;
  /** Chance of a message to be lost. */
  readonly lose?: number | boolean;
  /** Collects this number of messages, then sends them in random order. */
  readonly shuffle?: number;
  /** Needed for chances between 0 and 1 and for `shuffle`; without it a shuffle reverses. */
  readonly random?: () => number;
}

interface Letter {
  readonly send: () => void;
}

/** Passes messages from the publisher to the streams. */
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
    /** Sends the collected messages, and does not affect later ones. */
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
    /** Drops all delayed messages. */
    discard(): void {
      held = [];
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
