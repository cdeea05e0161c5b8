/** The output of a process. */

import type { Readable } from 'node:stream';

/** Returns a function for the text of all streams so far, in order of arrival. */
export function collectOutput(...streams: readonly Readable[]): () => string {
  let text = '';
  for (const stream of streams) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}
