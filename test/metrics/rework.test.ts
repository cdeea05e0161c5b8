import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon, type SmallExporter } from '../support/small-exporter.ts';

const noRules = aPolicy({ rework: { branches: [], message: [] } });

const push = (number: number, message: string) => {
  const at = noon - 1000 + number;
  const times = { created: at - 60, started: at - 50, finished: at, updated: at };
  return {
    repo: { id: 7, full_name: 'acme/shop', default_branch: 'main' },
    pipeline: {
      id: number,
      number,
      event: 'push',
      status: 'success',
      branch: 'main',
      commit: `c${number}`,
      message,
      ...times,
    },
  };
};

/** Each sample about rework: of the pair's 30d window, or without a window. */
async function reworkOf(exporter: SmallExporter): Promise<Record<string, number>> {
  const text = await (await exporter.app().request('/metrics')).text();
  const samples = [...text.matchAll(/^(dora_\S*rework\S*?)\{(\S*)\} (\S+)$/gm)].flatMap(
    ([, name = '', labels = '', value]) =>
      labels.includes('window=') && !labels.includes('window="30d"') ? [] : [[name, Number(value)]],
  );
  return Object.fromEntries(samples);
}

describe('rework on /metrics', () => {
  it('is found by the default policy: a revert and a hotfix among four deployments', async () => {
    const exporter = await createSmallExporter();
    const messages = ['Cart', 'Revert "Cart"', 'hotfix: totals', 'Do not revert'];
    for (const [index, message] of messages.entries()) await exporter.receive(push(index + 1, message));
    expect(await reworkOf(exporter)).toEqual({
      dora_deployment_reworks_total: 2,
      dora_window_rework_deployments: 2,
      dora_tier_window_rework_deployments: 2,
    });
  });

  it('is absent, not 0, if the policy has no rules for it', async () => {
    const exporter = await createSmallExporter({ policy: noRules });
    await exporter.receive(push(1, 'Revert "Cart"'));
    const text = await (await exporter.app().request('/metrics')).text();
    expect(text).toContain('dora_deployments_total{repo="acme/shop",tier="unassigned"} 1\n');
    expect(text).not.toContain('rework');
  });

  it('continues from its old counts when rules are added: stored pipelines cause no jump', async () => {
    const store = openMemoryStore();
    const before = await createSmallExporter({ store, policy: noRules });
    await before.receive(push(1, 'Revert "Cart"'));
    await before.receive(push(2, 'Cart'));

    const after = await createSmallExporter({ store, policy: defaultPolicy });
    expect(await reworkOf(after)).toEqual({
      dora_deployment_reworks_total: 0,
      dora_window_rework_deployments: 1,
      dora_tier_window_rework_deployments: 1,
    });
    await after.receive(push(3, 'hotfix: cart'));
    expect(await reworkOf(after)).toMatchObject({
      dora_deployment_reworks_total: 1,
      dora_window_rework_deployments: 2,
    });

    const without = await createSmallExporter({ store, policy: noRules });
    expect(await reworkOf(without)).toEqual({});
    const again = await createSmallExporter({ store, policy: defaultPolicy });
    expect(await reworkOf(again)).toMatchObject({ dora_deployment_reworks_total: 1 });
  });
});
