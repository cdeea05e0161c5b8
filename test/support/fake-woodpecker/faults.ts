/**
 * What goes wrong between Woodpecker and its client, on demand: a fault says which requests it hits, how often, and what
 * becomes of them. It stays until it is used up or cleared, and nothing about it is random unless its own functions are.
 */

import type { RecordedRequest } from './server.ts';

export type FaultAnswer =
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  /** The true answer, cut off after so many bytes of its body, as its Content-Length tells. */
  | { readonly truncateAfterBytes: number }
  /** The connection is closed without an answer. */
  | 'drop'
  /** No answer ever comes. */
  | 'hang';

export interface Fault {
  /** The beginning of the path below the root path, a pattern for path and query, or a test; all by default. */
  readonly match?: string | RegExp | ((request: RecordedRequest) => boolean);
  /** For the next so many requests that match; until cleared by default. */
  readonly times?: number;
  /** How long the answer waits. Delays of several faults add up. */
  readonly delayMs?: number | (() => number);
  /** Instead of the true answer. Of several faults the oldest decides, and only it is used up. */
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

/** Called for each request before it is answered; whoever writes to the database here shifts pages. */
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

    /** Runs before each request is answered; returns what takes the hook away again. */
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
