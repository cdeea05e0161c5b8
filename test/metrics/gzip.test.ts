import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc32, compressText, toGzip } from '../../src/metrics/gzip.ts';

const anyBytes = () => fc.uint8Array({ maxLength: 300 });

describe('combineCrc32', () => {
  it('is the checksum of both parts, at any split', () => {
    fc.assert(
      fc.property(anyBytes(), fc.nat({ max: 300 }), (bytes, place) => {
        const [first, second] = [bytes.subarray(0, place), bytes.subarray(place)];
        expect(combineCrc32(crc32(first), crc32(second), second.length)).toBe(crc32(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it('is the checksum of many parts, combined one after the other', () => {
    fc.assert(
      fc.property(fc.array(anyBytes(), { maxLength: 8 }), (parts) => {
        const combined = parts.reduce((crc, part) => combineCrc32(crc, crc32(part), part.length), 0);
        expect(combined).toBe(crc32(Buffer.concat(parts)));
      }),
      { numRuns: 500 },
    );
  });

  it.each([1, 255, 256, 65_535, 65_536, 1_000_003])('appends %d bytes', (length) => {
    const [first, second] = [Buffer.from('dora_deployments_total 7\n'), Buffer.alloc(length, 'x')];
    expect(combineCrc32(crc32(first), crc32(second), length)).toBe(crc32(Buffer.concat([first, second])));
  });
});

describe('toGzip', () => {
  const gunzip = (texts: readonly string[]) => gunzipSync(toGzip(texts.map(compressText))).toString();

  it('contains the texts one after the other', () => {
    expect(gunzip(['# HELP a\n', 'a 1\n', '', 'b 2\n'])).toBe('# HELP a\na 1\nb 2\n');
  });

  it('is empty for no texts, and for empty texts', () => {
    expect(gunzip([])).toBe('');
    expect(gunzip(['', ''])).toBe('');
  });

  it('can use one text in several files', () => {
    const [head, one, two] = [compressText('head\n'), compressText('1\n'), compressText('2\n')];
    expect(gunzipSync(toGzip([head, one])).toString()).toBe('head\n1\n');
    expect(gunzipSync(toGzip([head, two, one])).toString()).toBe('head\n2\n1\n');
  });

  it('contains large texts in any script', () => {
    const large = 'dora_deployments_total{repo="Äcme/shöp 🛒"} 1\n'.repeat(20_000);
    expect(gunzip([large, 'end\n', large])).toBe(`${large}end\n${large}`);
  });

  it('is one member that any reader accepts, with correct checksum and length', () => {
    const anyTexts = fc.array(
      fc.string({ unit: fc.constantFrom('a', '"', '\n', 'ä', '🛒'), maxLength: 80 }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(anyTexts, (texts) => {
        const plain = Buffer.concat(texts.map((text) => Buffer.from(text)));
        const packed = toGzip(texts.map(compressText));
        expect(gunzipSync(packed).equals(plain)).toBe(true);
        expect(packed.readUInt32LE(packed.length - 8)).toBe(crc32(plain));
        expect(packed.readUInt32LE(packed.length - 4)).toBe(plain.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('compressText', () => {
  it('keeps no more memory than the compressed bytes', () => {
    const { deflated } = compressText('dora_deployments_total 7\n');
    expect(deflated.byteLength).toBeLessThan(64);
    expect(deflated.buffer.byteLength).toBe(deflated.byteLength);
  });
});
