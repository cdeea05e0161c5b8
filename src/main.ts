/** The process: environment in, exit code out. 0: a clean stop. 1: it cannot go on. 2: a mistake in what it was given. */

import packageJson from '../package.json' with { type: 'json' };
import { type Config, type Setting, settings } from './config/environment.ts';
import { readPolicy, readSettings } from './config/settings.ts';
import type { Policy } from './core/policy.ts';
import { describeCheck } from './queries/check.ts';
import { type Service, startService } from './service.ts';
import { WoodpeckerReplaced } from './sources/repo-discovery.ts';
import { StoreDamaged, StoreUnusable } from './store/store.ts';
import { systemClock } from './util/clock.ts';
import { createLog, describeError, type Log } from './util/log.ts';

const longestStopMs = 9_000;

const usage = `npm start [-- --check | --help | --version]

Runs the exporter until SIGTERM or SIGINT; without any settings it takes webhooks and keeps them in data/.

  --check    prints what settings and policy would count, and what the database holds of it; asks no network
  --help     prints this
  --version  prints the version

Settings come from the environment, those marked * from a file too: the same name with _FILE. README.md explains them and
the policy file. With their defaults they are:

${settings.map(describeSetting).join('\n')}

Exit codes: 0 after a clean stop, 1 if it cannot go on, 2 if a setting, the policy, an argument or the database is wrong.
`;

/** Why the process ends although it could go on. */
interface Ending {
  /** Absent if no signal ends it. */
  readonly signal?: string;
  readonly exitCode: number;
}

const exitCode = await main(process.argv.slice(2));
process.exit(exitCode);

async function main(args: readonly string[]): Promise<number> {
  const logLost = lossOfLog();
  const unknown = args.find((arg) => !['--check', '--help', '--version'].includes(arg));
  if (unknown !== undefined) {
    process.stderr.write(`Unknown argument ${unknown}: expected none, --check, --help or --version\n`);
    return 2;
  }
  if (args.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  if (args.includes('--version')) {
    process.stdout.write(`${packageJson.version}\n`);
    return 0;
  }
  const given = readSettings(process.env);
  if (!given.ok) {
    process.stderr.write(`${[...given.problems, ...given.warnings].join('\n')}\n`);
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
    return await serve(config, policy, log, logLost);
  } catch (error) {
    log.error('Cannot go on', { error: describeError(error) });
    const unusable = [StoreUnusable, StoreDamaged, WoodpeckerReplaced];
    return unusable.some((kind) => error instanceof kind) ? 2 : 1;
  }
}

function describeSetting(setting: Setting): string {
  const { name, isSecret } = setting;
  return `  ${`${name}${isSecret ? ' *' : ''}`.padEnd(25)}${setting.default ?? ''}`.trimEnd();
}

async function serve(config: Config, policy: Policy, log: Log, logLost: Promise<Ending>): Promise<number> {
  const { version } = packageJson;
  const asked = Promise.race([nextSignal(), logLost]);
  log.info('woodpecker-dora-exporter starts', {
    version,
    database: config.databasePath,
    policy: config.policyPath ?? 'default',
    woodpecker: config.woodpecker?.url ?? 'none (webhook only)',
  });
  const starting = startService({ config, policy, version, clock: systemClock, log });
  onHangUp(starting, config.policyPath, policy, log);
  const service = await Promise.race([starting, asked.then(() => null)]);
  if (!service) {
    // Nothing has been acknowledged yet, and an open transaction is rolled back.
    const { signal, exitCode } = await asked;
    log.info('Stopped while starting', { signal });
    return exitCode;
  }
  const { signal, exitCode } = await Promise.race([asked, service.failed]);
  log.info('Stopping', { signal });
  const tooLong = setTimeout(() => {
    log.error('Stopping took too long');
    process.exit(1);
  }, longestStopMs);
  await service.stop();
  clearTimeout(tooLong);
  log.info('Stopped');
  return exitCode;
}

/** Reads the policy file again at each SIGHUP. What is wrong in it is logged, and the policy stays as it is. */
function onHangUp(starting: Promise<Service>, path: string | null, first: Policy, log: Log): void {
  let latest = JSON.stringify(first);
  process.on('SIGHUP', () => {
    if (path === null) {
      log.info('SIGHUP: DORA_POLICY is not set, so there is no policy to read');
      return;
    }
    const read = readPolicy(path);
    if (!read.ok) {
      for (const problem of read.problems) log.error('SIGHUP: the policy stays as it is', { problem });
      return;
    }
    if (JSON.stringify(read.policy) === latest) {
      log.info('SIGHUP: the policy has not changed');
      return;
    }
    latest = JSON.stringify(read.policy);
    log.info('SIGHUP: the policy has changed');
    starting.then(
      (service) => service.adopt(read.policy),
      () => undefined,
    );
  });
}

/** Later signals change nothing: Ctrl-C under npm arrives twice. */
function nextSignal(): Promise<Ending> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => resolve({ signal, exitCode: 0 }));
    }
  });
}

/**
 * If nobody can read the log, the process ends, so that its supervisor restarts it. The listeners stay, because each later
 * write fails again.
 */
function lossOfLog(): Promise<Ending> {
  return new Promise((resolve) => {
    process.stderr.on('error', () => resolve({ exitCode: 1 }));
    process.stdout.once('error', (error) => {
      process.stderr.write(`Standard output cannot be written any more, stopping: ${describeError(error)}\n`);
    });
    process.stdout.on('error', () => resolve({ exitCode: 1 }));
  });
}
