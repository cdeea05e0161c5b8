/** `npm run picture`: makes the README's picture, a page of the demo. Needs Chromium. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { requireProgram } from './requirement.ts';

const target = new URL('../../deploy/overview.png', import.meta.url).pathname;
const executablePath = requireProgram('chromium', (reason) => {
  throw new Error(reason);
});
const demo = spawn(process.execPath, [new URL('demo.ts', import.meta.url).pathname], {
  env: { ...process.env, DORA_LISTEN: '127.0.0.1:0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  const root = await rootOf();
  while ((await fetch(`${root}readyz`)).status !== 200) await delay(100);
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--headless', '--disable-gpu'],
  });
  const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, timezoneId: 'UTC' });
  // The first visit computes the trends.
  for (let visit = 0; visit < 2; visit++)
    await page.goto(`${root}?tier=production`, { waitUntil: 'networkidle' });
  await page.screenshot({ path: target });
  await browser.close();
} finally {
  const hasEnded = once(demo, 'exit');
  demo.kill('SIGTERM');
  await hasEnded;
}

/** Waits until the demo prints the root of the pages, and returns it. */
function rootOf(): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    demo.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const address = /Listening address=(\S+)/.exec(output)?.[1];
      if (address) resolve(`http://${address}/`);
    });
    demo.once('exit', () => reject(new Error(`The demo has ended:\n${output}`)));
  });
}
