/**
 * YAML text as a value whose parts know their lines, so that a mistake in it can be told where it was made, and in the
 * words of its writer. Refuses to know what the value means.
 */

import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit } from 'yaml';
import { describeError } from '../util/log.ts';

export interface ReadYaml {
  /** Empty where there is none. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The first line whose mistake leaves in doubt what it and those after it mean; infinite where there is none. */
  readonly garbledFrom: number;
  find(path: Path): Found;
}

export interface Problem {
  readonly line: number;
  readonly text: string;
}

export type Path = readonly PropertyKey[];

/** What stands at a path. */
export interface Found {
  /** Where nothing does, the line of what lacks it. */
  readonly line: number;
  readonly isList: boolean;
  /** For a message: what was got instead of `noun`, and how to write it if that was meant. */
  insteadOf(noun: string): string;
}

/** Mistakes that leave no doubt about what the lines after them mean. */
const isLocal = /^(DUPLICATE_KEY|MULTIPLE_DOCS|BAD_ALIAS|BAD_DQ_ESCAPE|BAD_SCALAR_START|TAG_RESOLVE_FAILED)$/;

export function readYaml(source: string): ReadYaml {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, { lineCounter, prettyErrors: false });
  const lineOf = (node: unknown) => lineCounter.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0).line || 1;
  const problems: Problem[] = [];
  let garbledFrom = Number.POSITIVE_INFINITY;
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const { line } = lineCounter.linePos(pos[0]);
    if (!isLocal.test(code)) garbledFrom = Math.min(garbledFrom, line);
    if (code !== 'BAD_ALIAS') problems.push({ line, text: explain(code, message, source.slice(pos[0])) });
  }

  // What begins with `*` or `!` is no text to YAML. Read as the glob that was meant, it brings no second problem.
  visit(document, {
    Alias: (_key, node) => {
      if (node.resolve(document)) return undefined;
      const meant = new Scalar(`*${node.source}`);
      meant.range = node.range ?? null;
      problems.push({ line: lineOf(node), text: `expected text, got an alias, quote it: "${meant.value}"` });
      return meant;
    },
    Scalar: (_key, node) => {
      if (node.tag && /^!./.test(node.tag)) node.value = `${node.tag} ${node.value}`.trim();
    },
  });

  const find = (path: Path): Found => {
    let at: unknown = document.contents;
    let node: unknown = document.contents;
    for (const part of path) {
      const pair =
        isMap(node) && node.items.findLast(({ key }) => isScalar(key) && String(key.value) === part);
      const next = pair ? pair.value : isSeq(node) ? node.items[Number(part)] : undefined;
      at = pair ? pair.key : (next ?? at);
      node = isAlias(next) ? next.resolve(document) : next;
    }
    return {
      line: lineOf(at),
      isList: isSeq(node),
      insteadOf: (noun) => `got ${kindOf(node)}${remedyFor(noun, node)}`,
    };
  };
  try {
    return { value: document.toJS() ?? {}, problems, garbledFrom, find };
  } catch (error) {
    return { value: {}, problems: [...problems, { line: 1, text: describeError(error) }], garbledFrom, find };
  }
}

function explain(code: string, message: string, source: string): string {
  if (code === 'DUPLICATE_KEY') return `key ${/^(?:"[^"]*"|[^\s:]*)/.exec(source)?.[0]} is given twice`;
  if (code === 'MULTIPLE_DOCS') return 'expected one YAML document, got several';
  if (code === 'BAD_DQ_ESCAPE') return `${message}, write it in single quotes`;
  return /^(TAG_RESOLVE_FAILED|BAD_SCALAR_START)$/.test(code) ? `${message}, quote it` : message;
}

function kindOf(node: unknown): string {
  if (isSeq(node)) return 'a list';
  if (isMap(node)) return 'keys with values';
  if (!isScalar(node) || node.source === '') return 'nothing';
  return typeof node.value === 'string' ? JSON.stringify(node.value) : String(node.source);
}

function remedyFor(noun: string, node: unknown): string {
  if (isMap(node) && noun === 'text') return ', quote what holds ": "';
  if (!isScalar(node) || !node.source) return '';
  if (noun === 'text') return `, quote it: "${node.source}"`;
  return noun === 'a list' && typeof node.value === 'string' ? `, write [${node.source}]` : '';
}
