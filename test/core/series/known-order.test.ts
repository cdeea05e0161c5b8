import { expect, it } from 'vitest';
import type { Deployment } from '../../../src/core/deployment.ts';
import { inKnownOrder } from '../../../src/core/series/known-order.ts';
import { aDeployment } from '../../support/records.ts';

async function numbersOf(deployments: readonly Deployment[], most: number): Promise<number[]> {
  async function* inSlices() {
    for (const deployment of deployments) yield [deployment];
  }
  const numbers: number[] = [];
  for await (const slice of inKnownOrder(inSlices(), most))
    numbers.push(...slice.map(({ number }) => number));
  return numbers;
}

const deployments = [
  aDeployment({ number: 1, at: 100, knownAfterSeconds: 150 }),
  aDeployment({ number: 2, at: 110, knownAfterSeconds: 20 }),
  aDeployment({ number: 3, at: 120 }),
  aDeployment({ number: 4, at: 130 }),
  aDeployment({ number: 5, at: 200 }),
];

it('orders deployments by the ends of their pipelines', async () => {
  expect(await numbersOf(deployments, 1_000)).toEqual([3, 2, 4, 5, 1]);
});

it('treats a deployment as known after the longest delay, whatever its real delay', async () => {
  expect(await numbersOf(deployments, 60)).toEqual([3, 2, 4, 1, 5]);
});
