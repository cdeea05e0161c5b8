/**
 * Values that are computed once for an object and kept in it, hidden from copies and comparisons of the object.
 *
 * A `WeakMap` does the same, but V8 visits the values of its entries while the process stops for a full collection: with
 * 10,000 series, that stop was 20 ms longer.
 */

export interface KeptBeside<K extends object, V> {
  get(object: K): V | undefined;
  set(object: K, value: V | undefined): void;
}

/** `name` of the value, for debuggers. */
export function createKeptBeside<K extends object, V>(name: string): KeptBeside<K, V> {
  const key = Symbol(name);
  return {
    get: (object) => (object as { readonly [key]?: V })[key],
    set(object, value) {
      Object.defineProperty(object, key, { value, configurable: true });
    },
  };
}
