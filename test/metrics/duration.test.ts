import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

const behind = JSON.parse(
  readFileSync(new URL('../fixtures/cases/agent-clock-behind.json', import.meta.url), 'utf8'),
);

/** The sum and the number of durations after one body. */
async function durationsAfter(body: unknown): Promise<(number | null)[]> {
  const exporter = await createSmallExporter();
  expect((await exporter.receive(body)).kind).toBe('accepted');
  const text = await (await exporter.app().request('/metrics')).text();
  const sampleOf = (suffix: string) => {
    const found = new RegExp(`^dora_deployment_duration_seconds_${suffix}\\{.*\\} (\\S+)$`, 'm').exec(text);
    return found ? Number(found[1]) : null;
  };
  return [sampleOf('sum'), sampleOf('count')];
}

const withTimes = (times: object) => ({ ...behind, pipeline: { ...behind.pipeline, ...times } });
const aReport = (times: object) => ({ repo: 'acme/shop', number: 1, status: 'success', ...times });

it.each([
  ['an agent an hour behind ran for a minute', behind, [60, 1]],
  ['the clock of an agent is in 1970', withTimes({ started: 100, finished: 160 }), [60, 1]],
  [
    'the clock of an agent is in 1970 only at the start',
    withTimes({ started: 100, finished: 1_785_500_065 }),
    [0, 0],
  ],
  ['only the server reported the end', withTimes({ started: 1_785_500_005, finished: 0 }), [0, 0]],
  ['it ended before it started', withTimes({ started: 1_785_500_066, finished: 1_785_500_065 }), [0, 0]],
  ['a step reported start and finish', aReport({ started: noon - 100, finished: noon - 40 }), [60, 1]],
  ['a step reported only the start', aReport({ started: noon - 100 }), [0, 0]],
  ['the clock of a step is in 1970', aReport({ started: 100, finished: 160 }), [0, 0]],
  ['a step reported a start in 1970', aReport({ started: 100, finished: noon - 40 }), [0, 0]],
  [
    'a step reported a run of more than 30 days',
    aReport({ started: noon - 31 * 86_400, finished: noon - 40 }),
    [0, 0],
  ],
])('observes the duration, or none if it is unknown: %s', async (_, body, durations) => {
  expect(await durationsAfter(body)).toEqual(durations);
});
