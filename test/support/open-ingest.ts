import { createIngest, type Ingest, type IngestDependencies } from '../../src/ingest/ingest.ts';
import { nowSeconds } from '../../src/util/clock.ts';
import { loadState } from './load-state.ts';

/**
 * Opens ingest on a store, and adopts the policy of `mode` first. Its `submit` throws if a request is more than a value:
 * only values can be copied.
 */
export async function openIngest(parts: Omit<IngestDependencies, 'state'>): Promise<Ingest> {
  const { store, mode, clock } = parts;
  const { state } = await loadState(store, mode, nowSeconds(clock));
  const ingest = createIngest({ ...parts, state });
  const { submit } = ingest;
  ingest.submit = (request) => {
    structuredClone(request);
    return submit(request);
  };
  return ingest;
}
