/**
 * The imitated version of Woodpecker, and its features. A version that is not three numbers (`next-0a1b2c`, `dev`) counts as
 * newer than every release, since such builds are of the main branch. Refuses versions before 2.0.
 */

import type { Event, Status } from './model.ts';

export interface Version {
  readonly text: string;
  atLeast(major: number, minor: number): boolean;
}

export function parseVersion(text: string): Version {
  const match = /^(\d+)\.(\d+)\.\d+/.exec(text);
  const [major, minor] = match ? [Number(match[1]), Number(match[2])] : [Infinity, Infinity];
  if (major < 2) throw new Error(`The fake imitates Woodpecker 2.0 and later, not "${text}"`);
  return {
    text,
    atLeast: (wantedMajor, wantedMinor) =>
      major > wantedMajor || (major === wantedMajor && minor >= wantedMinor),
  };
}

export function knowsStatus(version: Version, status: Status): boolean {
  return status !== 'canceled' || version.atLeast(3, 14);
}

export function knowsEvent(version: Version, event: Event): boolean {
  if (event === 'pull_request_metadata') return version.atLeast(3, 10);
  if (event === 'pull_request_closed' || event === 'release') return version.atLeast(2, 3);
  return true;
}
