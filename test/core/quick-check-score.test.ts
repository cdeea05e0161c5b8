import { describe, expect, it } from 'vitest';
import { frequencyClasses } from '../../src/core/figures/deployment-frequency.ts';
import { timeClasses } from '../../src/core/figures/times.ts';
import { scoredFigures, scoreOf } from '../../src/core/quick-check-score.ts';
import type { WindowFigures } from '../../src/core/windows/window-figures.ts';

const hour = 3600;
const day = 24 * hour;
const window30 = { name: '30d', seconds: 30 * day };

const none = { samples: 0, median: null, p95: null };
const time = (median: number) => ({ samples: 1, median, p95: median });

function someFigures(overrides: Partial<WindowFigures> = {}): WindowFigures {
  return {
    deployments: 0,
    failedByCause: {},
    failedDeployments: 0,
    reworkDeployments: 0,
    deploymentsPerDay: 0,
    changeFailRate: null,
    reworkRate: null,
    changeLeadTime: none,
    recoveryTime: none,
    coverage: 1,
    ...overrides,
  };
}

describe('scoreOf', () => {
  it('gives each figure its score, and their mean as the total', () => {
    const figures = someFigures({
      deployments: 40,
      changeFailRate: 0.1,
      reworkRate: 0.05,
      changeLeadTime: time(2 * day),
      recoveryTime: time(1800),
    });
    expect(scoreOf(figures, window30)).toEqual({
      overall: (6 + 8 + 10 + 9 + 9.5) / 5,
      figures: {
        change_lead_time: { score: 6, class: { number: 4, words: 'One day to one week' } },
        deployment_frequency: {
          score: 8,
          class: { number: 5, words: 'Between once per hour and once per day' },
        },
        failed_deployment_recovery_time: { score: 10, class: { number: 6, words: 'Less than one hour' } },
        change_fail_rate: { score: 9, class: null },
        deployment_rework_rate: { score: 9.5, class: null },
      },
      missing: [],
    });
  });

  it.each([
    [0, 10],
    [3599, 10],
    [3600, 8],
    [day - 1, 8],
    [day, 6],
    [7 * day, 6],
    [7 * day + 1, 4],
    [30 * day, 4],
    [31 * day, 2],
    [182 * day, 2],
    [183 * day, 0],
    [2000 * day, 0],
  ])('scores %i s of lead time and of recovery with %i', (seconds, score) => {
    const figures = someFigures({ changeLeadTime: time(seconds), recoveryTime: time(seconds) });
    const { change_lead_time, failed_deployment_recovery_time } = scoreOf(figures, window30).figures;
    expect([change_lead_time?.score, failed_deployment_recovery_time?.score]).toEqual([score, score]);
  });

  it.each([
    [7, 14, 10],
    [7, 13, 8],
    [7, 7, 8],
    [7, 6, 6],
    [7, 1, 6],
    [30, 60, 10],
    [30, 30, 8],
    [30, 29, 6],
    [30, 5, 6],
    [30, 4, 4],
    [30, 1, 4],
    [90, 3, 4],
    [90, 2, 2],
    [90, 1, 2],
    [365, 2, 2],
    [365, 1, 0],
    [365, 0, 0],
  ])('scores, over %i days, %i deployments with %i', (days, deployments, score) => {
    const window = { name: `${days}d`, seconds: days * day };
    const { deployment_frequency } = scoreOf(someFigures({ deployments }), window).figures;
    expect(deployment_frequency?.score).toBe(score);
  });

  it('gives no score for a frequency of 0 in a short window, nor in a window that is not completely known', () => {
    const scored = (figures: Partial<WindowFigures>) =>
      scoreOf(someFigures(figures), window30).figures.deployment_frequency;
    expect(scored({ deployments: 0 })).toBeNull();
    expect(scored({ deployments: 100, coverage: 0.999 })).toBeNull();
    expect(scored({ deployments: 100 })?.score).toBe(10);
  });

  it('gives no score for a frequency if the window is too short to have one', () => {
    const figures = someFigures({ deployments: 3, deploymentsPerDay: null });
    expect(scoreOf(figures, { name: '12h', seconds: 12 * hour }).figures.deployment_frequency).toBeNull();
  });

  it('gives no scores for a window without any known time', () => {
    const figures = someFigures({
      ...{ deployments: 40, deploymentsPerDay: null, changeFailRate: 0.1, reworkRate: 0 },
      ...{ changeLeadTime: time(60), recoveryTime: time(60), coverage: 0 },
    });
    const { overall, missing, figures: scores } = scoreOf(figures, window30);
    expect([overall, missing]).toEqual([null, scoredFigures]);
    expect(Object.values(scores)).toEqual([null, null, null, null, null]);
    expect(scoreOf({ ...figures, coverage: 0.001 }, window30).overall).toBe((10 + 10 + 9 + 10) / 4);
  });

  it('names the figures without a score, and takes the mean of the others', () => {
    const figures = someFigures({ deployments: 2, changeFailRate: 0.5, reworkRate: 0 });
    expect(scoreOf(figures, window30)).toMatchObject({
      overall: (4 + 5 + 10) / 3,
      missing: ['change_lead_time', 'failed_deployment_recovery_time'],
    });
    expect(scoreOf({ ...figures, reworkRate: null }, window30)).toMatchObject({
      overall: (4 + 5) / 2,
      missing: ['change_lead_time', 'failed_deployment_recovery_time', 'deployment_rework_rate'],
    });
    expect(scoreOf(someFigures(), window30)).toMatchObject({ overall: null, missing: scoredFigures });
  });

  it('has six classes for times and for frequencies, the best first', () => {
    for (const classes of [timeClasses, frequencyClasses]) {
      expect(classes.map(({ number }) => number)).toEqual([6, 5, 4, 3, 2, 1]);
    }
  });
});
