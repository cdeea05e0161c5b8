/**
 * Reads a JSON list row by row while it arrives.
 *
 * Guarantees: does not block the event loop for long, also with a long list. Memory contains the text of one row. A row that
 * is too large is reported as `null`, and the next rows are read.
 */

import { createEventLoopYield } from './clock.ts';

/** The text is not a JSON list, or has too many bytes or rows. */
export class NotAList extends Error {
  override name = 'NotAList';
}

export interface RowLimits {
  readonly listBytes: number;
  readonly rows: number;
  readonly rowBytes: number;
  /** Most values in a row. The time of parsing depends on their number more than on the number of bytes. */
  readonly rowValues: number;
}

/** Gets the value of a row; `null`: the row was too large. */
export type OnRow = (row: { readonly value: unknown } | null) => void;

/** Bytes of text between two checks of the clock. */
const sliceBytes = 16 * 1024;

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Calls `onRow` for each row; an empty list may be written as `null`. Rejects with `NotAList`, or with what `onRow` throws.
 */
export async function readRows(
  body: AsyncIterable<Uint8Array>,
  limits: RowLimits,
  onRow: OnRow,
): Promise<void> {
  const scanner = createScanner(limits, onRow);
  const yieldToEventLoop = createEventLoopYield();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > limits.listBytes) throw new NotAList(`List is larger than ${limits.listBytes} bytes`);
    for (let at = 0; at < chunk.byteLength; at += sliceBytes) {
      scanner.push(chunk.subarray(at, at + sliceBytes));
      await yieldToEventLoop();
    }
  }
  scanner.end();
}

function createScanner(limits: RowLimits, onRow: OnRow) {
  let place: 'before' | 'inside' | 'after' | 'null' = 'before';
  let rows = 0;
  /** The text of the current row. */
  let parts: Buffer[] = [];
  let rowBytes = 0;
  let rowValues = 1;
  let depth = 0;
  let isInText = false;
  let isEscaped = false;

  const keep = (part: Uint8Array): void => {
    rowBytes += part.byteLength;
    // Copied, since the chunk may be large and would stay in memory.
    if (rowBytes <= limits.rowBytes) parts.push(Buffer.from(part));
    else parts = [];
  };
  const finishRow = (): void => {
    rows++;
    if (rows > limits.rows) throw new NotAList(`List has more than ${limits.rows} rows`);
    const isTooLarge = rowBytes > limits.rowBytes || rowValues > limits.rowValues;
    onRow(isTooLarge ? null : { value: parse(Buffer.concat(parts)) });
    parts = [];
    rowBytes = 0;
    rowValues = 1;
  };
  const hasText = (): boolean => rowBytes > limits.rowBytes || parts.some((part) => !part.every(isBlank));

  /** Reads the rows from `at` on; returns the position after the last one. */
  const readInside = (bytes: Uint8Array, at: number): number => {
    let from = at;
    // Local variables, since this loop reads each byte.
    let [inText, escaped, level, values] = [isInText, isEscaped, depth, rowValues];
    for (let index = at; index < bytes.length; index++) {
      const byte = bytes[index];
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inText = false;
      } else if (byte === quote) inText = true;
      else if (byte === comma && level > 0) values++;
      else if (byte === openObject || byte === openList) {
        level++;
        values++;
      } else if (byte === closeObject || (byte === closeList && level > 0)) level--;
      else if (byte === comma || byte === closeList) {
        keep(bytes.subarray(from, index));
        from = index + 1;
        rowValues = values;
        if (byte === comma || rows > 0 || hasText()) finishRow();
        values = 1;
        if (byte === comma) continue;
        place = 'after';
        return from;
      }
    }
    keep(bytes.subarray(from));
    [isInText, isEscaped, depth, rowValues] = [inText, escaped, level, values];
    return bytes.length;
  };

  const readOutside = (byte: number): void => {
    if (place === 'null') keep(Uint8Array.of(byte));
    else if (isBlank(byte)) return;
    else if (place === 'before' && byte === openList) place = 'inside';
    else if (place === 'before' && byte === 0x6e) {
      place = 'null';
      keep(Uint8Array.of(byte));
    } else throw new NotAList(place === 'before' ? 'Expected a list' : 'List goes on after its end');
  };

  return {
    push(bytes: Uint8Array): void {
      let at = 0;
      while (at < bytes.length) {
        if (place === 'inside') at = readInside(bytes, at);
        else readOutside(bytes[at++] ?? 0);
        if (rowBytes > limits.rowBytes && place === 'null') throw new NotAList('Expected a list');
      }
    },
    end(): void {
      const isNull = place === 'null' && Buffer.concat(parts).toString().trim() === 'null';
      if (place !== 'after' && !isNull) throw new NotAList('List breaks off');
    },
  };
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch (error) {
    throw new NotAList('A row is not JSON', { cause: error });
  }
}
