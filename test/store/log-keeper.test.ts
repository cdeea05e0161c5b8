import { statSync } from 'node:fs';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createLogKeeper } from '../../src/store/log-keeper.ts';
import { createSession, type Session } from '../../src/store/session.ts';
import { type Connection, openToWrite } from '../../src/store/sqlite-file.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const pageBytes = 4096;

describe('the write-ahead log', () => {
  let path: string;
  let connection: Connection;

  beforeEach(() => {
    const folder = createTemporaryFolder();
    onTestFinished(() => folder.remove());
    path = folder.pathOf('dora.db');
    connection = openToWrite(path);
    connection.database.exec('CREATE TABLE blobs (bytes BLOB)');
  });
  const writePages = (session: Session, pages: number): void => {
    session
      .begin()
      .prepare('INSERT INTO blobs VALUES (zeroblob(?))')
      .run(pages * pageBytes);
    session.commit();
  };
  const pagesInFile = () => statSync(path).size / pageBytes;

  it('is checkpointed in the event loop as it grows, a bounded number of pages at a time', async () => {
    const session = createSession(
      connection,
      createLogKeeper(() => Promise.reject(new Error('Not needed'))),
    );
    const steps: number[] = [];
    for (let commit = 0; commit < 30; commit++) {
      const before = pagesInFile();
      writePages(session, 1000);
      steps.push(pagesInFile() - before);
      expect(connection.watch.logPages()).toBeLessThan(4000);
    }
    expect(Math.max(...steps)).toBeGreaterThan(0);
    expect(Math.max(...steps)).toBeLessThan(8000);
    await session.close();
  });

  it('is left to a thread after a large transaction, while commits continue', async () => {
    const asked: string[] = [];
    let finish: () => void = () => undefined;
    const keeper = createLogKeeper((place) => {
      asked.push(place);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    const session = createSession(connection, keeper);
    const before = pagesInFile();
    writePages(session, 20_000);
    for (let commit = 0; commit < 3; commit++) writePages(session, 1);
    expect([asked, keeper.isThreadActive]).toEqual([[path], true]);
    expect(pagesInFile()).toBe(before);
    finish();
    await session.close();
    expect(pagesInFile()).toBeGreaterThan(20_000);
  });

  it('is short after the thread, and the database accepts commits', async () => {
    const keeper = createLogKeeper();
    const session = createSession(connection, keeper);
    writePages(session, 20_000);
    expect(keeper.isThreadActive).toBe(true);
    while (keeper.isThreadActive) {
      writePages(session, 1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    writePages(session, 1);
    expect(pagesInFile()).toBeGreaterThan(20_000);
    expect(connection.watch.logPages()).toBeLessThan(8000);
    expect(connection.watch.fault(false)).toBeNull();
    await session.close();
  });

  it('is checkpointed in the event loop if no thread can do it', async () => {
    const keeper = createLogKeeper(() => Promise.reject(new Error('No more threads')));
    const session = createSession(connection, keeper);
    writePages(session, 20_000);
    await keeper.idle();
    writePages(session, 1);
    expect(pagesInFile()).toBeGreaterThan(20_000);
    await session.close();
  });
});
