/** Reads JSON from the body of an answer while it arrives, bounded in bytes and values, and checks it. */

import type { z } from 'zod';
import { parseJson } from './parse-json.ts';
import { describeIssue } from './validate.ts';

/** The body of an answer is not as expected. */
export class Unexpected extends Error {
  override name = 'Unexpected';
}

/** Reads the body of an answer. Rejects with `Unexpected`. */
export type ReadBody<T> = (body: AsyncIterable<Uint8Array>) => Promise<T>;

/** Reads one value of at most `largestBytes`. */
export function oneOf<T>(schema: z.ZodType<T>, largestBytes: number): ReadBody<T> {
  return async (body) => {
    const json = parseJson(await readBytes(body, largestBytes));
    if (json.kind !== 'value') {
      throw new Unexpected(json.kind === 'not_json' ? 'It is not JSON' : 'It contains too many values');
    }
    const parsed = schema.safeParse(json.value, { error: describeIssue });
    if (parsed.success) return parsed.data;
    throw new Unexpected(firstProblem(parsed.error));
  };
}

async function readBytes(body: AsyncIterable<Uint8Array>, largestBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > largestBytes) throw new Unexpected(`It is larger than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The first mistake, with its path. */
export function firstProblem({ issues }: z.ZodError): string {
  const { path = [], message = '' } = issues[0] ?? {};
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
