/** The examples of what Woodpecker sends; `fixtures/woodpecker/README.md` says where each comes from. */

import { readFileSync } from 'node:fs';

export function fixtureText(name: string): string {
  return readFileSync(new URL(`../fixtures/woodpecker/${name}`, import.meta.url), 'utf8');
}

export function fixture(name: string): unknown {
  return JSON.parse(fixtureText(name));
}
