/**
 * Reads the bodies of requests as bytes, within two limits: one for each body, and one for all bodies that are arriving
 * at the same time.
 *
 * A small body always finds room: connections are limited, and with them all small bodies. A larger one needs one of a
 * few seats. If all seats are taken, it is refused at once, unless one was taken long ago: then that body gives way. So
 * neither many nor slow senders of large bodies take up memory, keep a small body out, or hold the seats for long.
 */

export interface BodyReader {
  /** Returns a word instead of the bytes if the body cannot be had. */
  read(request: Request, limitBytes: number): Promise<Uint8Array | BodyFault>;
  /** How many seats are taken. */
  readonly seatsTaken: number;
}

/** `broken`: the body ends too soon. `no_room`: too many large bodies are arriving. */
export type BodyFault = 'too_large' | 'broken' | 'no_room';

/** A body up to here needs no seat. Nearly all webhooks are smaller; 800 connections hold 25 MiB of them. */
const smallBytes = 32 * 1024;
/** How long a body may hold its seat while others want one. An ordinary sender needs some milliseconds. */
const seatMs = 2_000;

interface Seat {
  readonly takenAt: number;
  giveWay(): void;
}

/** `seats`: how many large bodies may arrive at the same time. `now`: milliseconds on any scale. */
export function createBodyReader(seats: number, now = () => performance.now()): BodyReader {
  /** In the order in which they were taken. */
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

  /** `isLarge`: the sender has announced more than a small body. */
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
        // The reader of a body that gives way is cancelled, which looks like the end of the body.
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
        // The HTTP parser holds a sender to the announced length.
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
