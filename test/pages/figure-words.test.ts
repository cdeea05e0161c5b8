import { describe, expect, it } from 'vitest';
import { compare, type PageFigure, pageFigures } from '../../src/pages/figure-words.ts';

const day = 86_400;
const hour = 3600;

function figureOf(key: PageFigure['key']): PageFigure {
  const figure = pageFigures.find((one) => one.key === key);
  if (!figure) throw new Error(`There is no figure ${key}`);
  return figure;
}

describe('the difference to the window before', () => {
  it.each([
    // 12.14 and 16.55 are shown as 12.1 and 16.6: their difference is 4.41, that of the shown values 4.5.
    ['change_fail_rate', 0.1655, 0.1214, '16.6 %', '12.1 %', '4.5 points, worse'],
    ['change_fail_rate', 0.12, 0.11, '12 %', '11 %', '1 point, worse'],
    ['deployment_rework_rate', 0.0496, 0.0504, '5 %', '5 %', 'as before'],
    // 5.45 d and 4.84 d differ by 14.6 h, but 5.5 d and 4.8 d by 0.7 d.
    ['change_lead_time', 5.45 * day, 4.84 * day, '5.5 d', '4.8 d', '0.7 d, worse'],
    ['change_lead_time', 2.26 * hour, 45.4 * 60, '2.3 h', '45 min', '93 min, worse'],
    ['failed_deployment_recovery_time', 119.6, 120, '120 s', '2 min', 'as before'],
    ['failed_deployment_recovery_time', 26.4 * hour, 27.6 * hour, '26 h', '28 h', '2 h, better'],
    // 3.46 and 3.04 are shown as 3.5 and 3: 17 % more, not 14 %.
    ['deployment_frequency', 3.46, 3.04, '3.5 a day', '3 a day', '17 %, better'],
    ['deployment_frequency', 0.999, 1, '7 a week', '1 a day', 'as before'],
    // One a week is less than 4.3 in 30 days, though 53 are more than 52.
    ['deployment_frequency', 53 / 365, 52 / 365, '1 a week', '4.3 a month', 'as before'],
    ['deployment_frequency', 30.1, 30, '30.1 a day', '30 a day', 'less than 1 %, better'],
    ['deployment_frequency', 1, 0, '1 a day', '0 a month', 'from none, better'],
    ['deployment_frequency', 0, 1, '0 a month', '1 a day', '100 %, worse'],
  ] as const)(
    'of %s follows from what is shown of %d and %d',
    (key, value, before, shown, earlier, words) => {
      const figure = figureOf(key);
      expect([figure.write(value), figure.write(before), compare(figure, value, before)?.words]).toEqual([
        shown,
        earlier,
        words,
      ]);
    },
  );
});
