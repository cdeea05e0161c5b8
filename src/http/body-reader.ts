/**
 * Reads the bodies of requests as bytes, with two limits: the size of each body, and the number of large bodies that arrive
 * at the same time.
 *
 * Small bodies are limited by the number of connections alone. A large body needs one of a few seats. If all seats are
 * taken, it is refused, unless the oldest seat was taken at least two seconds ago: then that body is refused in its place.
 * So many or slow senders of large bodies use bounded memory, never block small bodies, and never keep the seats for long.
 */

export interface BodyReader {
  /** Returns the bytes of a body of at most `limitBytes`, or a fault. Never rejects. */
  read(request: Request, limitBytes: number): Promise<Uint8Array | BodyFault>;
  /** Number of taken seats. */
  readonly seatsTaken: number;
}

/** `broken`: the body ends too early. `no_room`: too many large bodies arrive. */
export type BodyFault = 'too_large' | 'broken' | 'no_room';

/** A body of at most this size needs no seat. Nearly all webhooks are smaller. 800 connections can send 25 MiB of them. */
const smallBytes = 32 * 1024;
/** Time after which a body loses its seat if another needs one. An ordinary sender needs some milliseconds. */
const seatMs = 2_000;

interface Seat {
  readonly takenAt: number;
  giveWay(): void;
}

/** `seats`: most large bodies that may arrive at the same time. `now`: milliseconds of a monotonic clock. */
export function createBodyReader(seats: number, now = () => performance.now()): BodyReader {
  /** The oldest first. */
  const taken = new Set<Seat>();

  const takeSeat = (giveWay: () => void): Seat | null => {
    if (taken.size >= seats) {
      const [oldest] = taken;
      if (!oldest || now() - oldest.takenAt < seatMs) return null;
      taken.delete(oldest);
      oldest.giveWay();
    }
    const seat = { takenAt: now(), giveWay };
    taken.add(seat);
    return seat;
  };

  /** Reads a body chunk by chunk. `isLarge`: the announced length is that of a large body. */
  const readPieces = async (
    request: Request,
    limitBytes: number,
    isLarge: boolean,
  ): Promise<Uint8Array | BodyFault> => {
    const reader = request.body?.getReader();
    if (!reader) return new Uint8Array();
    const cancel = () => reader.cancel().catch(() => undefined);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let seat: Seat | null = null;
    try {
      for (;;) {
        if (!seat && (isLarge || bytes > smallBytes)) {
          seat = takeSeat(() => void cancel());
          if (!seat) return 'no_room';
        }
        const { done, value } = await reader.read();
        // A body that has lost its seat seems to end here, since its reader was cancelled.
        if (seat && !taken.has(seat)) return 'no_room';
        if (done) return Buffer.concat(chunks);
        bytes += value.byteLength;
        if (bytes > limitBytes) return 'too_large';
        chunks.push(value);
      }
    } finally {
      if (seat) taken.delete(seat);
      await cancel();
    }
  };

  return {
    async read(request, limitBytes) {
      const length = request.headers.get('content-length');
      const announced = length === null ? null : Number(length);
      if (announced !== null && !(announced <= limitBytes)) return 'too_large';
      try {
        // The HTTP parser refuses a body that is longer than its announced length.
        if (announced !== null && announced <= smallBytes) return new Uint8Array(await request.arrayBuffer());
        return await readPieces(request, limitBytes, announced !== null);
      } catch {
        return 'broken';
      }
    },
    get seatsTaken() {
      return taken.size;
    },
  };
}
