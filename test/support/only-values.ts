import type { Ingest } from '../../src/ingest/ingest.ts';

/** Makes `submit` throw if a request is more than a value: only values can be copied. Returns `ingest`. */
export function withOnlyValues(ingest: Ingest): Ingest {
  const { submit } = ingest;
  ingest.submit = (request) => {
    structuredClone(request);
    return submit(request);
  };
  return ingest;
}
