/**
 * Tells a container engine by its exit code whether the exporter in the same container answers: 0 if so, else 1 with the
 * reason. It reads the same settings as the exporter to find where that listens, so it can follow no port 0.
 *
 * It asks for liveness, not for readiness: an exporter that catches up with Woodpecker is not to be restarted.
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
  // An agent of its own: the default one would ask a proxy where the environment names one.
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
