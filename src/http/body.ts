/**
 * Reads a request's body as bytes, never more of it than allowed.
 *
 * What can go wrong is the sender's doing, and told as a value: `too_large`, or `broken` where it ends too soon.
 */
export async function readBody(
  request: Request,
  limitBytes: number,
): Promise<Uint8Array | 'too_large' | 'broken'> {
  try {
    return await readWithin(request, limitBytes);
  } catch {
    return 'broken';
  }
}

async function readWithin(request: Request, limitBytes: number): Promise<Uint8Array | 'too_large'> {
  const announced = request.headers.get('content-length');
  if (announced !== null) {
    if (!(Number(announced) <= limitBytes)) return 'too_large';
    // The HTTP parser holds a sender to the length it announced.
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > limitBytes) return 'too_large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
