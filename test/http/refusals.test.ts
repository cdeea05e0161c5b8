import { describe, expect, it } from 'vitest';
import { createRefusals } from '../../src/http/refusals.ts';
import { createLog } from '../../src/util/log.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { adminToken, createSmallExporter, webhookSecret } from '../support/small-exporter.ts';

function watch() {
  const clock = createFakeClock(1000);
  const lines: string[] = [];
  const refusals = createRefusals(
    createLog('info', (line) => lines.push(line.slice(25))),
    clock,
  );
  return { clock, lines, refusals };
}

const webhooks = 'warn  Webhooks were refused: 401 means a wrong secret; for other statuses read the answer';

describe('what is said of refused requests', () => {
  it('is said at once of the first, and of all others once a minute', () => {
    const { clock, lines, refusals } = watch();
    refusals.note('webhook', 401);
    for (let second = 0; second < 180; second++) {
      clock.advance(1);
      for (let time = 0; time < 100; time++) refusals.note('webhook', time === 0 ? 422 : 401);
    }
    expect(lines).toEqual([
      `${webhooks} refused="1 with 401"`,
      ...Array.from({ length: 2 }, () => expect.stringMatching(/refused="\d{4} with 401, \d\d with 422"$/)),
      expect.stringMatching(/refused="\d{4} with 401, \d\d with 422"$/),
    ]);
  });

  it('is said of each kind by itself', () => {
    const { lines, refusals } = watch();
    refusals.note('webhook', 413);
    refusals.note('reader', 401);
    refusals.note('admin', 401);
    expect(lines).toEqual([
      `${webhooks} refused="1 with 413"`,
      'warn  Requests for figures were refused: they need the metrics token refused="1 with 401"',
      'warn  Requests of operators were refused: they need the admin token refused="1 with 401"',
    ]);
  });
});

describe('the app', () => {
  it('tells of refused webhooks, scrapes and backfills, and nothing of what was in them', async () => {
    const exporter = await createSmallExporter({ metricsToken: 'metrics-token' });
    const app = exporter.app();
    const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
    await app.request('/webhook', { method: 'POST', body: '{"hunter22": 1}', ...bearer('hunter23') });
    await app.request('/webhook', { method: 'POST', body: '{"hunter22": 1}', ...bearer(webhookSecret) });
    await app.request('/metrics?hunter22', bearer('hunter24'));
    await app.request('/backfill/hunter22', bearer(webhookSecret));
    await app.request('/backfill', bearer(adminToken));
    expect(exporter.lines.length).toBe(3);
    expect(exporter.lines.join('\n')).not.toMatch(/hunter|-secret|-token/);
  });
});
