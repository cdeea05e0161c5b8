/**
 * The health check of the image. Exit code 0: the exporter in the same container answers; 1: it does not, with the reason. It
 * reads the exporter's settings to find its address, so it does not work with port 0.
 *
 * It checks liveness, not readiness: an engine must not restart an exporter that is still reading from Woodpecker.
 */

import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { parseConfig } from '../src/config/environment.ts';

const timeoutMs = 4_000;
const loopbackOf: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
if (!parsed.ok) fail(parsed.problems.join('\n'));
const { host, port } = parsed.config.listen;
const request = get(
  // A separate agent: the default one would use a proxy if the environment names one.
  { host: loopbackOf[host] ?? host, port, path: '/healthz', agent: new Agent(), timeout: timeoutMs },
  (answer) => {
    if (answer.statusCode !== 200) fail(`/healthz answered ${answer.statusCode}`);
    process.exit(0);
  },
);
request.once('timeout', () => fail(`No answer within ${timeoutMs} ms`));
request.once('error', (error) => fail(error.message));

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
