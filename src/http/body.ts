/** Reads a request's body as bytes, never more of it than allowed: `null` where it is larger. */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array | null> {
  const announced = request.headers.get('content-length');
  if (announced !== null) {
    if (!(Number(announced) <= limitBytes)) return null;
    // The HTTP parser holds a sender to the length it announced.
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > limitBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
