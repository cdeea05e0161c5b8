/** Compares the fake forge with the recorded answers of a Forgejo 11.0.1, field by field. */

import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFakeForge } from './fake-forge.ts';

interface Recording {
  readonly request: string;
  readonly token: 'valid' | 'none' | 'as named';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const file = new URL('../fixtures/forge/forgejo-11.0.1-answers.json', import.meta.url);
const recordings: Readonly<Record<string, Recording>> = JSON.parse(readFileSync(file, 'utf8'));

const ids = {
  base: '5f7052d09c3fb9b8bfb6bea1dcb10b23e13ce9eb',
  head: 'f2d425aa81ed6bbef691dee652eae5c262af83ed',
  tag: '97e9e033f8b811aba1f36ef61327f1ef752117e4',
};
const headAt = Date.parse('2026-11-27T13:55:30Z') / 1000;

async function startRecorded() {
  const forge = await startFakeForge({ kind: 'forgejo' });
  onTestFinished(forge.close);
  forge.addRepo('acme/tags');
  const line = { authoredAt: headAt, message: 'nine\n' };
  forge.commit('acme/tags', { ...line, id: ids.base, committedAt: headAt - 60 });
  forge.commit('acme/tags', { ...line, id: ids.head, parents: [ids.base], committedAt: headAt });
  const taggedAt = Date.parse('2026-11-28T13:55:30Z') / 1000;
  forge.tag('acme/tags', { id: ids.tag, name: 'v9-ann', target: ids.head, taggedAt });
  forge.addRepo('acme/secret');
  forge.addRepo('acme/moving');
  forge.renameRepo('acme/moving', 'other/moved');
  forge.addRepo('acme/gone');
  forge.deleteRepo('acme/gone');
  return forge;
}

describe('the fake Forgejo answers as a real one:', () => {
  it.each(Object.entries(recordings))('%s', async (name, { request, token, ...recorded }) => {
    const forge = await startRecorded();
    const named = name === 'wrong-token' ? 'wrong' : forge.publicOnlyToken;
    const given = { valid: forge.token, none: null, 'as named': named }[token];
    const answer = await fetch(`${forge.url}${request.replace('GET ', '')}`, {
      headers: given === null ? {} : { authorization: `token ${given}` },
      redirect: 'manual',
    });
    const text = (await answer.text())
      .replaceAll(forge.url, 'https://git.example.com')
      .replaceAll('@noreply.127.0.0.1', '@noreply.git.example.com');
    expect({
      status: answer.status,
      headers: Object.fromEntries(Object.keys(recorded.headers).map((key) => [key, answer.headers.get(key)])),
      body: answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text,
    }).toEqual(recorded);
  });

  it('there are 16 recordings', () => {
    expect(Object.keys(recordings).length).toBe(16);
  });
});
