/**
 * Shares the result of one run among all callers that wait for it. One run at a time. Guarantees: a caller's run begins
 * after its call, so the run sees at least the caller's state. Rejects all its callers if the run rejects.
 */
export function coalesce<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<T> | null = null;
  return () => {
    next ??= running.then(() => {
      next = null;
      const run = work();
      running = run.catch(() => undefined);
      return run;
    });
    return next;
  };
}
