/** The value of a promise; if it rejects with an error of the class, the value of `instead`. */
export async function recover<T, E extends Error, F>(
  promise: Promise<T>,
  errorClass: new (...args: never[]) => E,
  instead: (error: E) => F,
): Promise<T | F> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof errorClass) return instead(error);
    throw error;
  }
}
