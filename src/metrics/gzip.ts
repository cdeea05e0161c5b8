/**
 * Compresses texts separately, and joins them into one gzip file without compressing them again:
 * https://www.rfc-editor.org/rfc/rfc1952 section 2.3.
 */

import { constants, crc32, deflateRawSync } from 'node:zlib';

export interface CompressedText {
  /** A deflate stream without its last block. It ends at a byte boundary, so another stream can be appended. */
  readonly deflated: Uint8Array;
  /** CRC-32 of the plain bytes. */
  readonly crc: number;
  /** Number of the plain bytes. */
  readonly length: number;
}

/** Bytes of a buffer for compressed text. With Node's 64 KiB, thousands of short texts leave much more garbage than text. */
const chunkSize = 4096;

/** Takes about a millisecond for 100 kB. For such short texts, to hand them to another thread costs more than it saves. */
export function compressText(text: string): CompressedText {
  const plain = Buffer.from(text);
  // The fastest level, since each change compresses the text again.
  const deflated = deflateRawSync(plain, { level: 1, finishFlush: constants.Z_SYNC_FLUSH, chunkSize });
  // A copy, since Node returns a part of a buffer of this size.
  return { deflated: new Uint8Array(deflated), crc: crc32(plain), length: plain.length };
}

/** One gzip member with `texts` in their order. */
export function toGzip(texts: readonly CompressedText[]): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  // An empty last block: it ends the deflate stream.
  const end = Buffer.from([0x03, 0x00]);
  let crc = 0;
  let length = 0;
  for (const text of texts) {
    crc = combineCrc32(crc, text.crc, text.length);
    length += text.length;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(length >>> 0, 4);
  return Buffer.concat([header, ...texts.map(({ deflated }) => deflated), end, trailer]);
}

/**
 * The CRC-32 of two joined texts, from the CRC-32 of each. A zero byte after a text multiplies its CRC by x^8 modulo the
 * polynomial; this multiplies once, by the power for all bytes of the second text.
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  return (multiply(first, powerOfX(8 * secondLength)) ^ second) >>> 0;
}

/** The CRC-32 polynomial and x^0. Both have the lowest power in the highest bit. */
const polynomial = 0xedb88320;
const one = 0x80000000;

/** The product of two polynomials modulo the CRC-32 polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}

/** `x` to the power of 2^n, for each n. */
const squares: readonly number[] = Array.from({ length: 53 }).reduce<number[]>(
  (all) => [...all, all.length === 0 ? one >>> 1 : multiply(all.at(-1) ?? 0, all.at(-1) ?? 0)],
  [],
);

function powerOfX(exponent: number): number {
  let power = one;
  let rest = exponent;
  for (const square of squares) {
    if (rest % 2 === 1) power = multiply(power, square);
    rest = Math.floor(rest / 2);
    if (rest === 0) break;
  }
  return power >>> 0;
}
