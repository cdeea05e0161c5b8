/**
 * Limits concurrent work: at most `size` run at once, the others wait in order of their calls. `use` rejects with the
 * signal's reason if it is aborted before the work begins.
 */
export function createSlots(size: number): {
  use<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
} {
  let free = size;
  const waiting = new Set<() => void>();
  const takeTurn = async (signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      waiting.delete(resolve);
      reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    waiting.add(resolve);
    await promise.finally(() => signal.removeEventListener('abort', giveUp));
  };
  return {
    async use(work, signal) {
      signal.throwIfAborted();
      if (free > 0) free--;
      else await takeTurn(signal);
      try {
        return await work();
      } finally {
        const [next] = waiting;
        if (next) {
          waiting.delete(next);
          next();
        } else {
          free++;
        }
      }
    },
  };
}
