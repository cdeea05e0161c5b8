/**
 * Work whose result any number of callers share, one run at a time. Guarantees: the run that a caller gets the result of
 * began after its call, so that it sees whatever the caller has seen.
 */
export function joinNext<T>(work: () => Promise<T>): () => Promise<T> {
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
