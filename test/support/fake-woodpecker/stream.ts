/**
 * The event stream, `GET /api/stream/events`: the bytes of Woodpecker's server-sent events, and who gets which message.
 * A stream sees the repos that its user could see when it connected, and public ones; a bad token sees public ones only,
 * with a 200. Nothing is replayed. Does not imitate the goroutines that reorder messages at random: ask for a
 * disturbance.
 */

import type { ServerResponse } from 'node:http';
import type { Database } from './database.ts';
import { createPost } from './disturbance.ts';
import type { Pipeline, Repo, User } from './model.ts';
import type { Version } from './version.ts';
import { toWirePipeline, toWireRepo } from './wire.ts';

interface Stream {
  readonly response: ServerResponse;
  readonly user: User | null;
  /** Ids from 3.14 on, full names before, as the real topics are. */
  readonly topics: ReadonlySet<number | string>;
  ping: NodeJS.Timeout | null;
}

export type Streams = ReturnType<typeof createStreams>;

export function createStreams(deps: {
  readonly database: Database;
  readonly version: () => Version;
  readonly pingIntervalMs: number;
}) {
  const { database, version } = deps;
  const open = new Set<Stream>();
  const post = createPost();
  let pingIntervalMs: number | null = deps.pingIntervalMs;

  function topicOf(repo: Repo): number | string {
    return version().atLeast(3, 14) ? repo.id : repo.full_name;
  }

  function schedulePing(stream: Stream): void {
    if (stream.ping) clearTimeout(stream.ping);
    stream.ping = null;
    if (pingIntervalMs === null) return;
    stream.ping = setTimeout(() => write(stream, ': ping\n\n'), pingIntervalMs).unref();
  }

  function write(stream: Stream, bytes: string | Uint8Array): void {
    if (!open.has(stream)) return;
    stream.response.write(bytes);
    schedulePing(stream);
  }

  function close(stream: Stream): void {
    if (stream.ping) clearTimeout(stream.ping);
    open.delete(stream);
  }

  /** Answers a request with a stream that stays open. */
  function connect(response: ServerResponse, user: User | null): void {
    const seen = database
      .repos()
      .filter((repo) => repo.active && user !== null && database.accessOf(user, repo) !== null);
    const stream: Stream = { response, user, topics: new Set(seen.map(topicOf)), ping: null };
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    open.add(stream);
    response.on('close', () => close(stream));
    write(stream, ': ping\n\n');
  }

  /** Sends the current state of a pipeline to all streams that may see it. */
  function publish(repo: Repo, pipeline: Pipeline): void {
    const topic = topicOf(repo);
    const readers = [...open].filter((stream) => !repo.private || stream.topics.has(topic));
    if (readers.length === 0) return;
    const payload = {
      repo: toWireRepo(repo, version()),
      pipeline: toWirePipeline(pipeline, version(), 'stream'),
    };
    const bytes = `data: ${JSON.stringify(payload)}\n\n`;
    post.accept({
      send: () => {
        for (const stream of readers) write(stream, bytes);
      },
    });
  }

  return {
    connect,
    publish,
    /** Delays, doubles, loses or shuffles the messages that follow. */
    disturb: post.disturb,
    calm: post.calm,
    /** `null`: streams send no pings between messages. */
    setPingInterval(intervalMs: number | null): void {
      pingIntervalMs = intervalMs;
      for (const stream of open) schedulePing(stream);
    },
    /** Writes these very bytes to all streams. */
    writeRaw(bytes: string | Uint8Array): void {
      for (const stream of [...open]) write(stream, bytes);
    },
    /** Breaks all streams; with `end`, closes them properly instead. */
    dropAll(how: 'break' | 'end' = 'break'): void {
      post.discard();
      for (const stream of [...open]) {
        close(stream);
        if (how === 'end') stream.response.end();
        else stream.response.destroy();
      }
    },
    get openCount(): number {
      return open.size;
    },
    /** Logins of the users whose streams are open; `null` for a guest or a bad token. */
    get users(): readonly (string | null)[] {
      return [...open].map(({ user }) => user?.login ?? null);
    },
  };
}
