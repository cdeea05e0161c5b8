/**
 * Parses YAML into a value, and finds the line and the text of each of its parts for messages. Does not know the meaning of
 * the value.
 */

import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit } from 'yaml';
import { describeError } from '../util/log.ts';

export interface ReadYaml {
  /** An empty object if the document is empty or unreadable. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The first mistake that makes its line and the lines after it ambiguous; infinite if there is none. */
  readonly garbledFrom: number;
  find(path: Path): Found;
}

export interface Problem {
  readonly line: number;
  readonly text: string;
}

export type Path = readonly PropertyKey[];

/** The value at a path. */
export interface Found {
  /** Line of the value; of its parent if there is no value. */
  readonly line: number;
  readonly isList: boolean;
  /** The end of a message: the value that was given instead of `noun`, and how to write it if it was meant as `noun`. */
  insteadOf(noun: string): string;
}

/** Mistakes after which the next lines are unambiguous. */
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

  // To YAML, a leading `*` or `!` is not text. Reading it as a glob avoids a second problem.
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
  if (isMap(node) && noun === 'text') return ', quote a text that contains ": "';
  if (!isScalar(node) || !node.source) return '';
  if (noun === 'text') return `, quote it: "${node.source}"`;
  return noun === 'a list' && typeof node.value === 'string' ? `, write [${node.source}]` : '';
}
