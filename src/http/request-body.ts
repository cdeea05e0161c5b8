/** Reads the body of a request, as bytes, as JSON, or as the value of a schema. A mistake becomes the answer. */

import type { z } from 'zod';
import { mostJsonValues, parseJson } from '../util/parse-json.ts';
import { parseFields } from '../util/validate.ts';
import { type BodyReader, createBodyReader } from './body-reader.ts';
import { problem } from './problem.ts';

/** Limits of an operator's request. */
const operatorBytes = 64 * 1024;
/** Most bodies of operators above 32 KiB that may arrive at the same time. */
const operatorSeats = 8;

/** Returns a function that reads the body of an operator's request. `mayBeEmpty`: an empty body means `{}`. */
export function createFieldsReader({ mayBeEmpty = false } = {}) {
  const reader = createBodyReader(operatorSeats);
  return async <T>(request: Request, schema: z.ZodType<T>): Promise<T | Response> => {
    const bytes = await receiveBytes(request, reader, operatorBytes);
    if (!bytes.ok) return bytes.answer;
    const isEmpty = mayBeEmpty && bytes.value.length === 0;
    const body = isEmpty ? ({ ok: true, value: {} } as const) : receiveJson(bytes.value);
    if (!body.ok) return body.answer;
    const parsed = parseFields(schema, body.value);
    return parsed.ok
      ? parsed.value
      : problem(422, { detail: 'Body is not as expected', errors: parsed.errors });
  };
}

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
