import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder, mayMakeFolder, NoPlaceForFolder } from '../../src/util/folder.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

let folder: TemporaryFolder;

beforeEach(() => {
  folder = createTemporaryFolder();
  onTestFinished(folder.remove);
});

/** Makes the folder read-only until the test ends, even for root. */
function makeReadOnly(path: string, skip: (reason: string) => void): void {
  if (process.geteuid?.() !== 0) {
    chmodSync(path, 0o500);
    return;
  }
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    skip('A file system cannot be mounted here');
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]));
}

describe('makeFolder', () => {
  it('makes the missing folders, and leaves the existing ones', () => {
    makeFolder(folder.pathOf('a/b/c'));
    expect(statSync(folder.pathOf('a/b/c')).isDirectory()).toBe(true);
    const { ino } = statSync(folder.pathOf('a/b'));
    makeFolder(folder.pathOf('a/b/d/'));
    makeFolder(folder.pathOf('a/b/d/'));
    expect(statSync(folder.pathOf('a/b/d')).isDirectory()).toBe(true);
    expect(statSync(folder.pathOf('a/b')).ino).toBe(ino);
  });

  it('passes on the error of the system if this user may not write', ({ skip }) => {
    mkdirSync(folder.pathOf('own'));
    makeReadOnly(folder.pathOf('own'), skip);
    expect(() => makeFolder(folder.pathOf('own/a/b'))).toThrow(/EACCES|EROFS/);
  });
});

describe('mayMakeFolder', () => {
  it('reports whether this user may make the folder, and makes nothing', ({ skip }) => {
    expect(mayMakeFolder(folder.pathOf('a/b'))).toBe(true);
    expect(mayMakeFolder(folder.pathOf('.'))).toBe(true);
    expect(existsSync(folder.pathOf('a'))).toBe(false);
    mkdirSync(folder.pathOf('own'));
    makeReadOnly(folder.pathOf('own'), skip);
    expect(mayMakeFolder(folder.pathOf('own/a/b'))).toBe(false);
    expect(mayMakeFolder(folder.pathOf('own'))).toBe(false);
  });
});

describe.each([
  ['makeFolder', makeFolder],
  ['mayMakeFolder', mayMakeFolder],
])('%s', (_, ask) => {
  it.skipIf(process.platform !== 'linux').each(['/proc/x', '/proc/x/y/z', '/proc', '/sys/x'])(
    'ends in %s, where nothing can be made',
    (path) => {
      expect(() => ask(path)).toThrow(NoPlaceForFolder);
      expect(() => ask(path)).toThrow(/^Nothing can be made in "\/(proc|sys)"$/);
    },
  );

  it.each(['file', 'file/a', 'file/a/b'])('refuses "%s" if a file is in the way', (name) => {
    writeFileSync(folder.pathOf('file'), '');
    expect(() => ask(folder.pathOf(name))).toThrow(NoPlaceForFolder);
    expect(() => ask(folder.pathOf(name))).toThrow(`"${folder.pathOf('file')}" is not a folder`);
  });
});

describe('makeFolder', () => {
  it('refuses a link that leads nowhere', () => {
    symlinkSync(folder.pathOf('nowhere'), folder.pathOf('link'));
    expect(() => makeFolder(folder.pathOf('link/a'))).toThrow(NoPlaceForFolder);
    expect(() => makeFolder(folder.pathOf('link/a'))).toThrow(
      `No folder can be made at "${folder.pathOf('link')}"`,
    );
  });
});
