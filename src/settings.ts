/** What a process was given: environment and policy file, read together so that every mistake is told at once. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Config, parseConfig } from './config.ts';
import { defaultPolicy, type Policy } from './core/policy.ts';
import type { IntakeMode } from './intake/intake-mode.ts';
import { describeError } from './log.ts';
import { parsePolicy } from './policy.ts';
import type { Environment } from './secrets.ts';

/** Many times what a busy server has under way; each costs some hundred bytes. */
const mostHints = 10_000;

export type Settings =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly policy: Policy;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly warnings: readonly string[] };

export function readSettings(env: Environment): Settings {
  const readText = (path: string) => readFileSync(path, 'utf8');
  const parsed = parseConfig(env, readText);
  const policyPath = parsed.ok ? parsed.config.policyPath : env['DORA_POLICY'] || null;
  const policy = readPolicy(policyPath, readText);
  if (parsed.ok && policy.ok) {
    return { ok: true, config: parsed.config, policy: policy.policy, warnings: parsed.warnings };
  }
  return {
    ok: false,
    problems: [...(parsed.ok ? [] : parsed.problems), ...(policy.ok ? [] : policy.problems)],
    warnings: parsed.warnings,
  };
}

/** How what is given says that observations are taken in, and read. */
export function intakeModeOf(config: Config, policy: Policy): IntakeMode {
  const { woodpecker, forge, maxPairs } = config;
  return {
    policy,
    canAsk: woodpecker !== null,
    asksForge: forge !== null,
    ...(forge && { forgeIdentity: identityOf(forge) }),
    limits: { pairs: maxPairs, hints: mostHints },
  };
}

/** A hash, since what it is stored with must not tell the token. */
function identityOf({ kind, url, token }: NonNullable<Config['forge']>): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, url, token]))
    .digest('hex');
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
