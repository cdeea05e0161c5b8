/**
 * Reads one connection to Woodpecker's event stream, and checks its events.
 *
 * Guarantees: bounds the size of messages and lines; ends a connection that is silent for longer than two of the server's
 * pings. Does not know the meaning of events, and does not reconnect.
 */

import { createParser } from 'eventsource-parser';
import type { Clock } from '../util/clock.ts';
import { Unauthorized, Unavailable } from './client.ts';
import { WireEvent } from './wire.ts';

export type StreamItem =
  /** The server has sent its headers. It may subscribe us a moment later. */
  | { readonly kind: 'open' }
  | { readonly kind: 'event'; readonly event: WireEvent }
  /** A message that is no known event. */
  | { readonly kind: 'unreadable' };

export interface EventStreamOptions {
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  readonly fetch?: typeof fetch;
  readonly idleMs?: number;
}

/** The server pings after 30 s of silence. */
const defaultIdleMs = 80_000;
const largestMessageBytes = 4 * 1024 * 1024;

/** Ends if the server ends the connection. Rejects with `Unavailable` or `Unauthorized`, or with the signal's reason. */
export async function* openEventStream(
  options: EventStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<StreamItem[]> {
  const { url, token, clock, idleMs = defaultIdleMs } = options;
  const fetchAnswer = options.fetch ?? fetch;
  const connection = new AbortController();
  const ended = AbortSignal.any([signal, connection.signal]);
  try {
    const answer = await withinIdle(
      fetchAnswer(`${url}/api/stream/events`, {
        headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
        redirect: 'error',
        signal: ended,
      }),
    );
    if (answer.status === 401 || answer.status === 403) {
      throw new Unauthorized(`Woodpecker answered ${answer.status} to the event stream: check the token`);
    }
    const type = answer.headers.get('content-type') ?? '';
    if (!answer.ok || !type.includes('text/event-stream') || !answer.body) {
      throw new Unavailable(`Woodpecker answered the event stream with ${answer.status} and "${type}"`);
    }
    let items: StreamItem[] = [];
    const parser = createParser({
      maxBufferSize: largestMessageBytes,
      onEvent: ({ data }) => items.push(toItem(data)),
      onError(error) {
        if (error.type === 'max-buffer-size-exceeded')
          throw new Unavailable('Event stream sent a message without end');
      },
    });
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    yield [{ kind: 'open' }];
    for (;;) {
      const { done, value } = await withinIdle(reader.read());
      if (done) return;
      items = [];
      parser.feed(decoder.decode(value, { stream: true }));
      if (items.length > 0) yield items;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Unavailable || error instanceof Unauthorized) throw error;
    throw new Unavailable('Event stream broke off', { cause: error });
  } finally {
    connection.abort();
  }

  /** Rejects with `Unavailable` if `next` takes longer than `idleMs`. */
  async function withinIdle<T>(next: Promise<T>): Promise<T> {
    const timer = new AbortController();
    const idle = clock.sleep(idleMs, timer.signal).then(() => {
      throw new Unavailable(`Event stream was silent for ${idleMs / 1000} s`);
    });
    idle.catch(() => undefined);
    next.catch(() => undefined);
    try {
      return await Promise.race([next, idle]);
    } finally {
      timer.abort();
    }
  }
}

function toItem(data: string): StreamItem {
  try {
    const parsed = WireEvent.safeParse(JSON.parse(data));
    return parsed.success ? { kind: 'event', event: parsed.data } : { kind: 'unreadable' };
  } catch {
    return { kind: 'unreadable' };
  }
}
