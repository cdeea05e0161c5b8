/** Work in portions of about a millisecond each. */

export type Portions<T> = Generator<void, T, void>;

/** Runs all portions without a pause. */
export function runToEnd<T>(portions: Portions<T>): T {
  for (;;) {
    const { done, value } = portions.next();
    if (done) return value;
  }
}

/** Runs all portions, and awaits `pause` between them, so that other work can run. */
export async function runWithPauses<T>(portions: Portions<T>, pause: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = portions.next();
    if (done) return value;
    await pause();
  }
}
