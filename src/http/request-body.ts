/** Reads the body of a request, as bytes or as JSON. A mistake becomes the answer. */

import { mostJsonValues, parseJson } from '../util/parse-json.ts';
import type { BodyReader } from './body-reader.ts';
import { problem } from './problem.ts';

export type Received<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly answer: Response };

/** The bytes as sent. Refuses a compressed body, since it is unclear whether a signature is for the compressed bytes. */
export async function receiveBytes(
  request: Request,
  reader: BodyReader,
  limitBytes: number,
): Promise<Received<Uint8Array>> {
  const encoding = request.headers.get('content-encoding') ?? '';
  if (!/^\s*(identity\s*)?$/i.test(encoding)) {
    const detail = 'Body is compressed, expected one without Content-Encoding';
    return refuse(problem(415, { detail, headers: { 'accept-encoding': 'identity' } }));
  }
  const bytes = await reader.read(request, limitBytes);
  switch (bytes) {
    case 'too_large':
      return refuse(
        problem(413, {
          detail: `Body is larger than ${limitBytes} bytes`,
          headers: { connection: 'close' },
        }),
      );
    case 'broken':
      return refuse(problem(400, { detail: 'Body ends too early' }));
    case 'no_room':
      return refuse(
        problem(503, {
          detail: 'Too many large bodies arrive at the same time',
          headers: { connection: 'close', 'retry-after': '5' },
        }),
      );
    default:
      return { ok: true, value: bytes };
  }
}

export function receiveJson(bytes: Uint8Array): Received<unknown> {
  const parsed = parseJson(bytes);
  switch (parsed.kind) {
    case 'value':
      return { ok: true, value: parsed.value };
    case 'not_json':
      return refuse(problem(400, { detail: 'Body is not JSON' }));
    case 'too_many_values':
      return refuse(problem(422, { detail: `Body contains more than ${mostJsonValues} values` }));
    default:
      return parsed satisfies never;
  }
}

function refuse(answer: Response): { readonly ok: false; readonly answer: Response } {
  return { ok: false, answer };
}
