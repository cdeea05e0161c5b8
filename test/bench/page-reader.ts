/**
 * The minimum for reading a history, in its own process: fetches every page and parses it, four requests at a time, as
 * the exporter does. It receives an address in a message, and answers with the number of pipelines and the time.
 */

import type { WoodpeckerAddress } from './woodpecker-process.ts';

export interface PagesRead {
  readonly pipelines: number;
  readonly requests: number;
  readonly seconds: number;
}

const atOnce = 4;
const pageSize = 50;

process.on('message', (order: 'probe' | WoodpeckerAddress) => {
  if (order === 'probe') return;
  readAll(order).then((result) => process.send?.(result));
});

async function readAll({ url, token, repoIds }: WoodpeckerAddress): Promise<PagesRead> {
  const began = performance.now();
  let pipelines = 0;
  let requests = 0;
  const rest = repoIds.values();
  const readRepos = async (): Promise<void> => {
    for (const id of rest) {
      for (let page = 1, rows = pageSize; rows === pageSize; page++) {
        const answer = await fetch(`${url}/api/repos/${id}/pipelines?page=${page}&perPage=${pageSize}`, {
          headers: { authorization: `Bearer ${token}` },
        });
        rows = JSON.parse(await answer.text()).length;
        pipelines += rows;
        requests++;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, readRepos));
  return { pipelines, requests, seconds: (performance.now() - began) / 1000 };
}
