import { describe, expect, it } from 'vitest';
import { textOfPage } from '../support/page-text.ts';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon } from '../support/small-exporter.ts';

describe('the overview', () => {
  it('shows the five figures of the middle window, of each tier and pair, and leads to where they come from', async () => {
    const exporter = await createSmallExporter({
      policy: aPolicy({ tiers: [{ tier: 'production', deployTo: ['prod'] }] }),
    });
    for (const [number, daysAgo, status] of [
      [1, 40, 'success'],
      [2, 20, 'failure'],
      [3, 19, 'success'],
      [4, 8, 'success'],
    ] as const) {
      const at = noon - daysAgo * 86_400;
      const told = { event: 'deployment', deploy_to: 'prod', commit: `c${number}`, commit_time: at - 7200 };
      await exporter.receive({ repo: 'acme/shop', number, status, finished: at, ...told });
    }
    const page = await (await exporter.app().request('/')).text();
    const text = textOfPage(page);
    expect(text).toContain('Tiers over 30d');
    expect(text).toContain('production 3 2 h 33.3 % 24 h 0 % 0 %');
    expect(text).toContain('acme/shop production 8 d ago 20 d ago – 4 1 3 2 h 33.3 % 24 h 0 %');
    expect(page).toContain(
      '<a href="explain?repo=acme%2Fshop&amp;tier=production&amp;window=30d">acme/shop</a>',
    );
  });
});
