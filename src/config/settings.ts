/** Reads environment and policy file together, so that it can report all mistakes at once. */

import { readFileSync } from 'node:fs';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import { describeError } from '../util/log.ts';
import { type Config, parseConfig } from './environment.ts';
import { parsePolicy } from './policy-file.ts';
import type { Environment } from './secrets.ts';

export type Settings =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly policy: Policy;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly string[]; readonly warnings: readonly string[] };

const readText = (path: string) => readFileSync(path, 'utf8');

export function readSettings(env: Environment): Settings {
  const parsed = parseConfig(env, readText);
  const policyPath = parsed.ok ? parsed.config.policyPath : env['DORA_POLICY'] || null;
  const policy = readPolicy(policyPath);
  if (parsed.ok && policy.ok) {
    return { ok: true, config: parsed.config, policy: policy.policy, warnings: parsed.warnings };
  }
  return {
    ok: false,
    problems: [...(parsed.ok ? [] : parsed.problems), ...(policy.ok ? [] : policy.problems)],
    warnings: parsed.warnings,
  };
}

/** Reads the policy of a file; `path` `null`: the default policy. */
export function readPolicy(path: string | null): ReturnType<typeof parsePolicy> {
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
