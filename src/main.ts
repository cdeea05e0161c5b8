/**
 * The process: environment in, exit code out. 0 after a clean stop, 1 where it cannot go on, 2 where what it was given
 * is wrong.
 */

import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { describeCheck } from './check.ts';
import { systemClock } from './clock.ts';
import { type Config, parseConfig } from './config.ts';
import { defaultPolicy, type Policy } from './core/policy.ts';
import { createLog, describeError, type Log } from './log.ts';
import { parsePolicy } from './policy.ts';
import { startService } from './service.ts';
import { WoodpeckerReplaced } from './sources/repo-discovery.ts';
import { StoreUnusable } from './store/store.ts';

const longestStopMs = 9_000;

const exitCode = await main(process.argv.slice(2));
process.exit(exitCode);

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg !== '--check');
  if (unknown.length > 0) {
    process.stderr.write(`Unknown argument ${unknown[0]}: expected none, or --check\n`);
    return 2;
  }
  const given = readSettings();
  if (!given.ok) {
    process.stderr.write(`${given.problems.join('\n')}\n`);
    return 2;
  }
  const { config, policy } = given;
  const log = createLog(config.logLevel);
  for (const warning of given.warnings) log.warn(warning);
  try {
    if (args.includes('--check')) {
      const lines = await describeCheck(config, policy);
      process.stdout.write(`${lines.join('\n')}\n`);
      return 0;
    }
    return await serve(config, policy, log);
  } catch (error) {
    log.error('Cannot go on', { error: describeError(error) });
    return error instanceof StoreUnusable || error instanceof WoodpeckerReplaced ? 2 : 1;
  }
}

async function serve(config: Config, policy: Policy, log: Log): Promise<number> {
  const { version } = packageJson;
  const signalled = nextSignal();
  log.info('woodpecker-dora-exporter starts', {
    version,
    database: config.databasePath,
    policy: config.policyPath ?? 'default',
    woodpecker: config.woodpecker?.url ?? 'none (webhook only)',
  });
  const starting = startService({ config, policy, version, clock: systemClock, log });
  const service = await Promise.race([starting, signalled.then(() => null)]);
  if (!service) {
    // Nothing was acknowledged yet, and what is not committed is rolled back.
    log.info('Stopped while starting', { signal: await signalled });
    return 0;
  }
  const signal = await Promise.race([signalled, service.failed]);
  log.info('Stopping', { signal });
  const tooLong = setTimeout(() => {
    log.error('Stopping took too long');
    process.exit(1);
  }, longestStopMs);
  await service.stop();
  clearTimeout(tooLong);
  log.info('Stopped');
  return 0;
}

/** Further ones change nothing: Ctrl-C under npm arrives twice. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
}

type Settings =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly policy: Policy;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Everything that is wrong with environment and policy, at once. */
function readSettings(): Settings {
  const readText = (path: string) => readFileSync(path, 'utf8');
  const parsed = parseConfig(process.env, readText);
  const policyPath = parsed.ok ? parsed.config.policyPath : process.env['DORA_POLICY'] || null;
  const policy = readPolicy(policyPath, readText);
  if (parsed.ok && policy.ok) {
    return { ok: true, config: parsed.config, policy: policy.policy, warnings: parsed.warnings };
  }
  return {
    ok: false,
    problems: [...(parsed.ok ? [] : parsed.problems), ...(policy.ok ? [] : policy.problems)],
  };
}

function readPolicy(path: string | null, readText: (path: string) => string): ReturnType<typeof parsePolicy> {
  if (path === null) return { ok: true, policy: defaultPolicy };
  try {
    const parsed = parsePolicy(readText(path));
    return parsed.ok
      ? parsed
      : { ok: false, problems: parsed.problems.map((problem) => `${path}: ${problem}`) };
  } catch (error) {
    return { ok: false, problems: [`DORA_POLICY: cannot read the policy file: ${describeError(error)}`] };
  }
}
