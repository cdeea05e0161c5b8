/**
 * What goes wrong around the exporter while pipelines live: the stream drops, doubles, loses and reorders, the server
 * restarts or is away for a while, answers late, with errors, with pages or cut off, and the exporter itself is killed.
 * Everything is drawn from chance beforehand but for the pace of the machine.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import type { Random } from './random.ts';

const htmlPage = { status: 200, body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } };
const tooMany = { status: 429, body: '', headers: { 'Retry-After': '1' } };

/** One mishap after another until `signal` is aborted; then all is well again, and the server up. */
export async function blow(woodpecker: FakeWoodpecker, random: Random, signal: AbortSignal): Promise<void> {
  const chance = () => random.next();
  while (!signal.aborted) {
    await rest(random.between(80, 400), signal);
    if (signal.aborted) break;
    const times = random.between(1, 4);
    switch (random.between(0, 12)) {
      case 0:
        woodpecker.streams.dropAll(random.pick(['break', 'end']));
        break;
      case 1:
      case 2:
        woodpecker.streams.disturb({
          lose: 0.3,
          duplicate: 0.3,
          shuffle: random.between(1, 6),
          delayMs: () => random.between(0, 400),
          random: chance,
          messages: 40,
        });
        break;
      case 3:
        woodpecker.streams.disturb({ lose: true, messages: 20 });
        break;
      case 4:
        await woodpecker.restart();
        break;
      case 5:
        await woodpecker.stop();
        await rest(random.between(200, 900), signal);
        await woodpecker.start();
        break;
      case 6:
        woodpecker.fault({ match: '/api', answer: { status: random.pick([500, 502, 503]) }, times });
        break;
      case 7:
        woodpecker.fault({ match: '/api/', answer: htmlPage, times });
        break;
      case 8:
        woodpecker.fault({ match: '/api/repos', answer: tooMany, times: 1 });
        break;
      case 9:
        woodpecker.fault({ match: '/api/', delayMs: () => random.between(0, 600), times: 10 });
        break;
      case 10:
        woodpecker.fault({ match: '/api/', answer: { truncateAfterBytes: random.between(1, 200) }, times });
        break;
      case 11:
        woodpecker.fault({ match: '/api/', answer: 'drop', times });
        break;
      default:
        woodpecker.streams.writeRaw(random.pick(['data: {"repo":\n\n', ': ping\n\n', 'data: []\n\n']));
    }
  }
  woodpecker.clearFaults();
  woodpecker.streams.calm();
  await woodpecker.start();
}

/** Sleeps, but no longer than until `signal` is aborted. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
