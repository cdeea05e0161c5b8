/**
 * The faults around the exporter while pipelines live: the stream drops, doubles, loses and reorders messages; the
 * server restarts, is away for a while, answers late, with errors, with web pages, or only half; and the exporter is
 * killed. Random numbers select all faults beforehand; only the speed of the machine affects their times.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import type { Random } from './random.ts';

const htmlPage = { status: 200, body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } };
const tooMany = { status: 429, body: '', headers: { 'Retry-After': '1' } };

/** Causes one fault after the other until `signal` is aborted; then removes all faults and starts the server. */
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

/** Sleeps until the time has passed or `signal` is aborted. */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
