import { describe, expect, it } from 'vitest';
import { createBodyReader } from '../../src/http/body-reader.ts';

const kib = 1024;

/** A request whose body the test sends piece by piece. */
function openRequest(headers: Readonly<Record<string, string>> = {}) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(started) {
      controller = started;
    },
  });
  const request = new Request('http://localhost/webhook', {
    method: 'POST',
    headers,
    body,
    duplex: 'half',
  } as RequestInit);
  return {
    request,
    send: (bytes: number) => controller?.enqueue(new Uint8Array(bytes)),
    end: () => controller?.close(),
    breakOff: () => controller?.error(new Error('socket hang up')),
  };
}

/** A reader with so many seats, and a clock that the test moves. */
function createReader(seats: number) {
  let ms = 0;
  const reader = createBodyReader(seats, () => ms);
  return { reader, pass: (passedMs: number) => (ms += passedMs) };
}

const textOf = (bytes: Uint8Array | string) => Buffer.from(bytes as Uint8Array).toString();
const largest = 1024 * kib;

describe('createBodyReader', () => {
  it('reads a body of announced and of unknown length', async () => {
    const { reader } = createReader(1);
    const headers = { 'content-length': '7' };
    const known = new Request('http://localhost', { method: 'POST', body: '{"a":1}', headers });
    expect(textOf(await reader.read(known, 100))).toBe('{"a":1}');
    const unknown = new Request('http://localhost', { method: 'POST', body: '{"b":2}' });
    expect(textOf(await reader.read(unknown, 100))).toBe('{"b":2}');
  });

  it('reads a request without a body as nothing', async () => {
    const { reader } = createReader(1);
    const request = new Request('http://localhost', { method: 'POST' });
    expect(await reader.read(request, 100)).toEqual(new Uint8Array());
  });

  it('refuses a large body before it reads it if all seats are taken', async () => {
    const { reader } = createReader(1);
    const [first, second] = [openRequest({ 'content-length': '100000' }), openRequest()];
    const reading = reader.read(first.request, largest);
    expect(reader.seatsTaken).toBe(1);
    const announced = openRequest({ 'content-length': '100000' });
    expect(await reader.read(announced.request, largest)).toBe('no_room');
    second.send(40 * kib);
    expect(await reader.read(second.request, largest)).toBe('no_room');
    first.send(50 * kib);
    first.end();
    expect(await reading).toHaveLength(50 * kib);
    expect(reader.seatsTaken).toBe(0);
  });

  it('reads small bodies though all seats are taken, announced or not', async () => {
    const { reader } = createReader(1);
    const large = openRequest({ 'content-length': '100000' });
    const reading = reader.read(large.request, largest);
    for (const headers of [{}, { 'content-length': String(32 * kib) }]) {
      const small = openRequest(headers);
      small.send(32 * kib);
      small.end();
      expect(await reader.read(small.request, largest)).toHaveLength(32 * kib);
    }
    large.end();
    await reading;
  });

  it('lets the oldest large body give way to another if it takes long', async () => {
    const { reader, pass } = createReader(2);
    const headers = { 'content-length': '100000' };
    const slow = [openRequest(headers), openRequest(headers)];
    const reading = [reader.read(slow[0]?.request as Request, largest)];
    pass(1_000);
    reading.push(reader.read(slow[1]?.request as Request, largest));
    pass(999);
    expect(await reader.read(openRequest(headers).request, largest)).toBe('no_room');
    pass(1);
    const quick = openRequest(headers);
    const third = reader.read(quick.request, largest);
    expect(await reading[0]).toBe('no_room');
    expect(await reader.read(openRequest(headers).request, largest)).toBe('no_room');
    quick.send(40 * kib);
    quick.end();
    expect(await third).toHaveLength(40 * kib);
    slow[1]?.end();
    expect(await reading[1]).toHaveLength(0);
    expect(reader.seatsTaken).toBe(0);
  });

  it('keeps a slow body as long as nobody else wants its seat', async () => {
    const { reader, pass } = createReader(1);
    const slow = openRequest({ 'content-length': '100000' });
    const reading = reader.read(slow.request, largest);
    pass(15_000);
    slow.send(60 * kib);
    slow.end();
    expect(await reading).toHaveLength(60 * kib);
  });

  it('gives a seat back if a body is too large or breaks off', async () => {
    const { reader } = createReader(2);
    const [tooLarge, broken] = [openRequest(), openRequest()];
    const reading = [tooLarge, broken].map(({ request }) => reader.read(request, 100 * kib));
    for (const { send } of [tooLarge, broken]) send(60 * kib);
    await expect.poll(() => reader.seatsTaken).toBe(2);
    tooLarge.send(60 * kib);
    broken.breakOff();
    expect(await Promise.all(reading)).toEqual(['too_large', 'broken']);
    expect(reader.seatsTaken).toBe(0);
  });
});
