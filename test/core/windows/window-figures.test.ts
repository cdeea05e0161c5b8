import { describe, expect, it } from 'vitest';
import { rowOrders } from '../../../src/core/overview.ts';
import { defaultPolicy } from '../../../src/core/policy.ts';
import { emptyContent } from '../../../src/core/windows/window-content.ts';
import { figuresIn, windowFields } from '../../../src/core/windows/window-figures.ts';

const window = { name: '7d', seconds: 7 * 86_400 };

describe('the figures of a window', () => {
  it('are in the API by these names, in this order', () => {
    expect(windowFields.map(({ json }) => json)).toEqual([
      'deployments',
      'failed_deployments',
      'failed_deployments_by_cause',
      'rework_deployments',
      'deployments_per_day',
      'change_fail_rate',
      'deployment_rework_rate',
      'change_lead_time_seconds',
      'failed_deployment_recovery_time_seconds',
    ]);
  });

  it('are orders of the table of repos by these names', () => {
    expect(rowOrders).toEqual([
      'failing',
      'repo',
      'deployments',
      'lead_time',
      'fail_rate',
      'recovery',
      'rework',
      'last',
    ]);
  });

  it('have no rates and no times in an empty window', () => {
    const knownTime = { whole: 1, partly: 0, sinceSum: 0, unknown: 0 };
    const sample = { tier: 'production', windows: [{ ...emptyContent, coverage: 1, knownTime }] };
    const none = { samples: 0, median: null, p95: null };
    const policy = { ...defaultPolicy, windows: [window] };
    expect(figuresIn(sample, policy, window, 1_785_500_450)).toEqual({
      deployments: 0,
      failedDeployments: 0,
      failedByCause: {},
      reworkDeployments: 0,
      deploymentsPerDay: 0,
      changeFailRate: null,
      reworkRate: null,
      changeLeadTime: none,
      recoveryTime: none,
      coverage: 1,
    });
    const withoutRework = { ...policy, rework: { branches: [], message: [] } };
    expect(figuresIn(sample, withoutRework, window, 1_785_500_450)).toMatchObject({
      reworkDeployments: null,
      reworkRate: null,
    });
  });
});
