/** Runs asynchronous jobs one after the other, in order of their calls. A failed job does not stop the next. */
export interface Queue {
  run<T>(job: () => Promise<T>): Promise<T>;
  /** Fulfils when all jobs so far have ended. */
  idle(): Promise<void>;
}

export function createQueue(): Queue {
  let tail: Promise<unknown> = Promise.resolve();
  return {
    run(job) {
      const result = tail.then(job);
      tail = result.catch(() => undefined);
      return result;
    },
    async idle() {
      await tail;
    },
  };
}
