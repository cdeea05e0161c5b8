/**
 * Faults between Woodpecker and its client, on demand: a fault selects requests and their number, and changes their answers.
 * It stays until it is used up or cleared. It is random only if its own functions are.
 */

import type { RecordedRequest } from './server.ts';

export type FaultAnswer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The true answer with its Content-Length, but cut off after this number of bytes of its body. */
  | { readonly truncateAfterBytes: number }
  /** The connection is closed without an answer. */
  | 'drop'
  /** There is never an answer. */
  | 'hang';

export interface Fault {
  /** The beginning of the path below the root path, a pattern for path and query, or a test; all by default. */
  readonly match?: string | RegExp | ((request: RecordedRequest) => boolean);
  /** Number of matching requests that it affects; by default, all until it is cleared. */
  readonly times?: number;
  /** Delay of the answer. Delays of several faults are added. */
  readonly delayMs?: number | (() => number);
  /** Replaces the true answer. Of several faults only the oldest applies, and only it is used up. */
  readonly answer?: FaultAnswer;
}

export interface FaultHandle extends Disposable {
  readonly hits: number;
  clear(): void;
}

export interface Verdict {
  readonly delayMs: number;
  readonly answer: FaultAnswer | null;
}

/** Called for each request before its answer. A hook can write to the database, and thus shift pages. */
export type RequestHook = (request: RecordedRequest) => void | Promise<void>;

function matches(match: Fault['match'], request: RecordedRequest): boolean {
  if (match === undefined) return true;
  if (typeof match === 'string') return request.path.startsWith(match);
  if (typeof match === 'function') return match(request);
  return match.test(request.path + request.query);
}

export type Faults = ReturnType<typeof createFaults>;

export function createFaults() {
  const active = new Set<{ fault: Fault; hits: number }>();
  const hooks = new Set<RequestHook>();

  return {
    /** Adds a fault. */
    fault(fault: Fault): FaultHandle {
      const entry = { fault, hits: 0 };
      active.add(entry);
      const clear = () => void active.delete(entry);
      return {
        get hits() {
          return entry.hits;
        },
        clear,
        [Symbol.dispose]: clear,
      };
    },

    clearFaults: () => active.clear(),

    /** Adds a hook that runs before each answer; returns a function that removes the hook. */
    onRequest(hook: RequestHook): () => void {
      hooks.add(hook);
      return () => void hooks.delete(hook);
    },

    async runHooks(request: RecordedRequest): Promise<void> {
      for (const hook of [...hooks]) await hook(request);
    },

    judge(request: RecordedRequest): Verdict {
      let delayMs = 0;
      let answer: FaultAnswer | null = null;
      for (const entry of [...active]) {
        const { fault } = entry;
        if (fault.answer !== undefined && answer !== null) continue;
        if (!matches(fault.match, request)) continue;
        entry.hits += 1;
        if (entry.hits >= (fault.times ?? Infinity)) active.delete(entry);
        delayMs += typeof fault.delayMs === 'function' ? fault.delayMs() : (fault.delayMs ?? 0);
        answer ??= fault.answer ?? null;
      }
      return { delayMs, answer };
    },
  };
}
