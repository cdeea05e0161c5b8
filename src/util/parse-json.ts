/**
 * Parses a body as JSON, but refuses one with too many values.
 *
 * `JSON.parse` blocks the event loop while it runs. Its time depends on the number of values more than on the number of
 * bytes: 1 MiB may be one text (1 ms) or half a million nested lists (80 ms).
 */

export type ParsedJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'not_json' }
  | { readonly kind: 'too_many_values' };

/** The values of a Woodpecker pipeline with 3,000 steps. Parsing this number of values takes at most 30 ms in any shape. */
export const mostJsonValues = 40_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function parseJson(bytes: Uint8Array): ParsedJson {
  // Each value has at least one byte, so a shorter text cannot have too many.
  if (bytes.length > mostJsonValues) {
    const { values, isClosed } = scan(bytes);
    if (!isClosed) return { kind: 'not_json' };
    if (values > mostJsonValues) return { kind: 'too_many_values' };
  }
  try {
    return { kind: 'value', value: JSON.parse(utf8.decode(bytes)) };
  } catch {
    return { kind: 'not_json' };
  }
}

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** `values`: the most values that the text can contain. `isClosed`: whether each list, object and text ends. */
function scan(bytes: Uint8Array): { values: number; isClosed: boolean } {
  let values = 1;
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isInText) {
      if (byte === backslash) at++;
      else if (byte === quote) isInText = false;
    } else if (byte === quote) {
      isInText = true;
    } else if (byte === comma) {
      values++;
    } else if (byte === openList || byte === openObject) {
      values++;
      depth++;
    } else if (byte === closeList || byte === closeObject) {
      depth--;
    }
  }
  return { values, isClosed: depth === 0 && !isInText };
}
