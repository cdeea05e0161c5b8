/** What a process writes. */

import type { Readable } from 'node:stream';

/** All that has come from the streams so far, in the order of its arrival. */
export function collectOutput(...streams: readonly Readable[]): () => string {
  let text = '';
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}
