/** Lists of Woodpecker are read row by row. An unreadable row loses only itself; a wholly wrong list is rejected. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listOf, type OddRow } from '../../src/woodpecker/lists.ts';
import { WireFeedItem, WirePipeline, WireRepo } from '../../src/woodpecker/wire.ts';

async function* inChunks(text: string, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read<T>(item: Parameters<typeof listOf<T>>[0], text: string, chunk?: number) {
  const odd: OddRow[] = [];
  const list = await listOf(item, (row) => odd.push(row))(inChunks(text, chunk));
  return { list, odd };
}

const repo = (id: number) => ({ id, full_name: `acme/r${id}`, active: true });
const pipeline = (number: number) => ({ id: number, number, status: 'success', commit: 'c', created: 1 });

describe('an unreadable row', () => {
  it('is skipped alone, and is named by its number', async () => {
    const [oddRow] = JSON.parse(
      readFileSync(new URL('../fixtures/cases/odd-row.json', import.meta.url), 'utf8'),
    );
    const text = JSON.stringify([pipeline(3), oddRow, pipeline(1)]);
    const { list, odd } = await read(WirePipeline, text);
    expect(list.rows.map(({ number }) => number)).toEqual([3, 1]);
    expect([list.length, list.oddIds]).toEqual([3, [2]]);
    expect(odd).toEqual([{ row: 'number 2', id: 2, problem: 'commit: Expected text, given an object' }]);
  });

  it.each([
    ['a name without a slash', { ...repo(2), full_name: 'shop' }, 'shop', 'full_name: Expected owner/name'],
    ['an id that is text', { ...repo(2), id: '2' }, 'acme/r2', 'id: Expected a number, given text'],
    [
      'a switch that is text',
      { ...repo(2), active: 'yes' },
      'acme/r2',
      'active: Expected true or false, given text',
    ],
    ['null', null, 'row 2', 'Expected an object, given null'],
    ['a list', [], 'row 2', 'Expected an object, given a list'],
    ['a text', 'shop', 'row 2', 'Expected an object, given text'],
    ['a row of megabytes', { ...repo(2), avatar_url: 'x'.repeat(2_000_000) }, 'row 2', 'Too large'],
    [
      'a row of hundreds of thousands of values',
      { ...repo(2), x: Array(300_000).fill(0) },
      'row 2',
      'Too large',
    ],
  ])('among repos is skipped alone: %s', async (_, oddRow, row, problem) => {
    const { list, odd } = await read(WireRepo, JSON.stringify([repo(1), oddRow, repo(3)]));
    expect(list.rows.map(({ id }) => id)).toEqual([1, 3]);
    expect(odd.map((one) => [one.row, one.problem])).toEqual([[row, problem]]);
  });

  it('of a deleted repo in the feed is skipped alone', async () => {
    const rows = [{ repo_id: 1, number: 7, status: 'success' }, { repo_id: 0 }, { repo_id: 2, number: 3 }];
    const { list, odd } = await read(WireFeedItem, JSON.stringify(rows));
    expect(list.rows.map(({ repo_id }) => repo_id)).toEqual([1, 2]);
    expect(odd.length).toBe(1);
  });

  it('as newest pipeline does not lose its repo', async () => {
    const { list } = await read(WireRepo, JSON.stringify([{ ...repo(1), last_pipeline: { number: 'x' } }]));
    expect(list.rows).toMatchObject([
      { id: 1, last_pipeline: null, oddPipeline: 'last_pipeline: Expected a number, given text' },
    ]);
  });

  it('loses no other row as long as most rows are right', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => (i % 3 === 0 ? {} : repo(i + 1)));
    const { list, odd } = await read(WireRepo, JSON.stringify(rows));
    expect([list.rows.length, odd.length, list.length]).toEqual([666, 334, 1000]);
  });
});

describe('the text of a list', () => {
  const odd =
    '[ {"id": 1, "full_name": "a/\\u0062\\"[{,\\\\" , "x": [1, {"y": "]"}]},\n{"id":2,"full_name":"c/d"} ]\n';

  it.each([1, 2, 3, 7, 16, 1000])(
    'is split into the same rows however it arrives: %i bytes at once',
    async (size) => {
      const { list } = await read(WireFeedItem, odd, size);
      expect(list.rows.map(({ id }) => id)).toEqual([1, 2]);
    },
  );

  it('may be null or empty', async () => {
    for (const text of ['null', ' null\n', '[]', ' [ \n] ']) {
      expect((await read(WireRepo, text)).list).toEqual({ rows: [], oddIds: [], length: 0 });
    }
  });

  it.each([
    ['{}', 'Expected a list'],
    ['"x"', 'Expected a list'],
    ['', 'List breaks off'],
    ['nulle', 'List breaks off'],
    ['[{"id":1}', 'List breaks off'],
    ['[{"id":1},]', 'A row is not JSON'],
    ['[,]', 'A row is not JSON'],
    ['[{]}]', 'A row is not JSON'],
    ['[] []', 'List goes on after its end'],
  ])('%s is refused: %s', async (text, message) => {
    await expect(read(WireFeedItem, text)).rejects.toThrow(message);
  });
});

describe('a list that is wrong as a whole', () => {
  it.each([
    ['5 MB of {}', `[${'{},'.repeat(1_600_000)}{}]`, /^100 of its first 100 rows cannot be read: full_name/],
    [
      '100,000 repos with a field of another type',
      JSON.stringify(Array.from({ length: 100_000 }, (_, i) => ({ ...repo(i + 1), default_branch: 5 }))),
      /^100 of its first 100 rows cannot be read: default_branch: Expected text, given 5$/,
    ],
  ])('is rejected after its first hundred rows: %s', async (_, text, message) => {
    let bytesRead = 0;
    const counted = async function* () {
      for await (const chunk of inChunks(text)) {
        bytesRead += chunk.length;
        yield chunk;
      }
    };
    await expect(listOf(WireRepo, () => undefined)(counted())).rejects.toThrow(message);
    expect(bytesRead).toBeLessThanOrEqual(64 * 1024);
  });

  it('is rejected even if it has no end', async () => {
    let chunks = 0;
    const endless = async function* () {
      yield Buffer.from('[');
      for (;;) {
        chunks++;
        yield Buffer.from(`${'1,'.repeat(10)}`);
      }
    };
    await expect(listOf(WireRepo, () => undefined)(endless())).rejects.toThrow('cannot be read');
    expect(chunks).toBe(10);
  });
});
