import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreUnavailable, StoreUnusable } from '../../src/store/store.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts';

describe('openSqliteStore', () => {
  let folder: TemporaryFolder;
  let path: string;

  beforeEach(() => {
    folder = createTemporaryFolder();
    path = folder.pathOf('dora.db');
  });

  afterEach(() => {
    vi.restoreAllMocks();
    folder.remove();
  });

  /** Opens a store and returns its connection, since some settings belong to a connection. */
  const openWithConnection = () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    const store = openSqliteStore(path);
    const index = exec.mock.calls.findIndex(([sql]) => sql.includes('journal_mode'));
    const connection = exec.mock.contexts[index] as DatabaseSync;
    exec.mockRestore();
    return { store, connection };
  };

  it('uses a write-ahead log, syncs every commit in full, and checks foreign keys', async () => {
    const { store, connection } = openWithConnection();
    expect(connection.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(connection.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect(connection.prepare('PRAGMA foreign_keys').get()).toEqual({ foreign_keys: 1 });
    await store.close();
  });

  it('has committed when the promise fulfils: another connection sees the write then, and not before', async () => {
    const store = openSqliteStore(path);
    const other = new DatabaseSync(path);
    const read = () => other.prepare("SELECT value FROM meta WHERE key = 'policy'").get();
    await store.transact(async (tx) => {
      await tx.meta.put('policy', 'a');
      expect(read()).toBeUndefined();
    });
    expect(read()).toEqual({ value: 'a' });
    other.close();
    await store.close();
  });

  it('refuses a second exporter while the first runs, but allows readers', async () => {
    const first = openSqliteStore(path);
    expect(() => openSqliteStore(path)).toThrow(StoreUnusable);
    expect(() => openSqliteStore(path)).toThrow(/in use by another exporter/);
    await openSqliteStore(path, { isReadOnly: true }).close();
    await first.close();
    await openSqliteStore(path).close();
  });

  it.each(['link.db', 'other/link.db', 'linked/dora.db'])(
    'refuses a second exporter through the link %s too',
    async (name) => {
      mkdirSync(folder.pathOf('other'));
      symlinkSync('../dora.db', folder.pathOf('other/link.db'));
      symlinkSync('dora.db', folder.pathOf('link.db'));
      symlinkSync('.', folder.pathOf('linked'));
      const link = folder.pathOf(name);
      const first = openSqliteStore(path);
      expect(() => openSqliteStore(link)).toThrow(/in use by another exporter/);
      await first.close();
      const second = openSqliteStore(link);
      expect(() => openSqliteStore(path)).toThrow(/in use by another exporter/);
      await second.close();
      expect(readdirSync(folder.pathOf('other'))).toEqual(['link.db']);
    },
  );

  it('rejects all work once its file was removed or replaced', async () => {
    const store = openSqliteStore(path);
    await store.transact((tx) => tx.meta.put('policy', 'a'));
    rmSync(path);
    await expect(store.transact((tx) => tx.meta.put('policy', 'b'))).rejects.toThrow(StoreUnavailable);
    writeFileSync(path, '');
    await expect(store.transact((tx) => tx.meta.get('policy'))).rejects.toThrow(/removed or replaced/);
    await store.close();
  });

  it('yields to the event loop during long work', async () => {
    const store = openSqliteStore(path);
    let turns = 0;
    let isDone = false;
    const countTurn = (): void => {
      turns++;
      if (!isDone) setImmediate(countTurn);
    };
    setImmediate(countTurn);
    await store.transact(async (tx) => {
      // Only another turn of the event loop can end this.
      while (turns < 4) await tx.meta.get('policy');
    });
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(4);
    await store.close();
  });

  describe('refuses', () => {
    it('a database of a newer version, and leaves it as it was', async () => {
      await openSqliteStore(path).close();
      const newer = new DatabaseSync(path);
      newer.exec('PRAGMA user_version = 9999');
      newer.close();
      expect(() => openSqliteStore(path)).toThrow(StoreUnusable);
      expect(() => openSqliteStore(path)).toThrow(
        `Cannot use the database "${path}": The database is of version 9999`,
      );
      const same = new DatabaseSync(path);
      expect(same.prepare('PRAGMA user_version').get()).toEqual({ user_version: 9999 });
      same.close();
    });

    const createForeignDatabase = (): void => {
      const foreign = new DatabaseSync(path);
      foreign.exec('CREATE TABLE songs (title TEXT); PRAGMA user_version = 1');
      foreign.close();
    };

    it("another program's database, and names its path", () => {
      createForeignDatabase();
      for (const isReadOnly of [false, true]) {
        const open = () => openSqliteStore(path, { isReadOnly });
        expect(open).toThrow(StoreUnusable);
        expect(open).toThrow(`Cannot use the database "${path}": Not a database of this exporter`);
      }
    });

    it("another program's database without changing its journal mode", () => {
      createForeignDatabase();
      expect(() => openSqliteStore(path)).toThrow(StoreUnusable);
      const foreign = new DatabaseSync(path);
      expect(foreign.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' });
      foreign.close();
    });

    it.each([
      ['short', 'not a database'],
      ['long', 'tiers:\n  - tier: production\n'.repeat(500)],
    ])('a %s text file', (_, text) => {
      writeFileSync(path, text);
      expect(() => openSqliteStore(path)).toThrow(StoreUnusable);
      expect(() => openSqliteStore(path)).toThrow(`"${path}" is not a database of this exporter`);
    });
  });

  describe('with a damaged database', () => {
    let whole: Buffer;

    /** The database without the root page of the table `meta`. */
    const withoutMeta = (): Buffer => {
      const database = new DatabaseSync(path, { readOnly: true });
      const row = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").get();
      database.close();
      const pageBytes = 4096;
      const end = Number(row?.['rootpage']) * pageBytes;
      return whole.fill(0, end - pageBytes, end);
    };

    beforeEach(async () => {
      const store = openSqliteStore(path);
      await store.transact((tx) => tx.meta.put('policy', 'x'.repeat(50_000)));
      await store.close();
      whole = readFileSync(path);
    });

    it.each([99, 511, 4096, 20_000])('refuses the first %i bytes, and names the remedy', (bytes) => {
      writeFileSync(path, whole.subarray(0, bytes));
      for (const isReadOnly of [false, true]) {
        const open = () => openSqliteStore(path, { isReadOnly });
        expect(open).toThrow(StoreUnusable);
        expect(open).toThrow(`Database "${path}" is damaged, restore a backup: `);
      }
      expect(statSync(path).size).toBe(bytes);
    });

    it.each([
      ['lacks its last byte', () => whole.subarray(0, -1)],
      ['has an empty page', withoutMeta],
    ])('is unavailable once it meets the damage, if the file %s', async (_, damage) => {
      writeFileSync(path, damage());
      const store = openSqliteStore(path);
      const attempt = store.transact((tx) => tx.meta.get('policy'));
      await expect(attempt).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(attempt).rejects.toThrow(/^Store is damaged, restore a backup: /);
      await store.close();
    });
  });

  describe('read-only', () => {
    const openReadOnly = () => openSqliteStore(path, { isReadOnly: true });

    it('reads the last commit while another process writes', async () => {
      const store = openSqliteStore(path);
      await store.transact((tx) => tx.meta.put('policy', 'a'));
      const reader = openReadOnly();
      await store.transact(async (tx) => {
        await tx.meta.put('policy', 'b');
        expect(await reader.transact((other) => other.meta.get('policy'))).toBe('a');
      });
      expect(await reader.transact((tx) => tx.meta.get('policy'))).toBe('b');
      await reader.close();
      await store.close();
    });

    it('writes nothing', async () => {
      await openSqliteStore(path).close();
      const reader = openReadOnly();
      const attempt = reader.transact((tx) => tx.meta.put('policy', 'a'));
      await expect(attempt).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await reader.transact((tx) => tx.meta.get('policy'))).toBeNull();
      await reader.close();
    });

    it('creates neither a file nor its folder', () => {
      expect(() => openSqliteStore(folder.pathOf('a/dora.db'), { isReadOnly: true })).toThrow(
        StoreUnavailable,
      );
      expect(openReadOnly).toThrow(StoreUnavailable);
      expect(existsSync(folder.pathOf('a'))).toBe(false);
      expect(existsSync(path)).toBe(false);
    });

    it('refuses a database of an older version, and leaves it as it was', () => {
      new DatabaseSync(path).close();
      writeFileSync(path, '');
      expect(openReadOnly).toThrow(StoreUnusable);
      expect(statSync(path).size).toBe(0);
    });
  });

  it('takes an empty file as a new database', async () => {
    writeFileSync(path, '');
    const store = openSqliteStore(path);
    expect(await store.transact((tx) => tx.repos.all())).toEqual([]);
    await store.close();
  });

  describe.each([false, true])('with isReadOnly %j is unusable', (isReadOnly) => {
    const server = createServer();

    beforeEach(async () => {
      mkdirSync(folder.pathOf('folder'));
      execFileSync('mkfifo', [folder.pathOf('pipe')]);
      symlinkSync('pipe', folder.pathOf('link'));
      symlinkSync('nothing', folder.pathOf('astray'));
      symlinkSync('circle', folder.pathOf('circle'));
      await new Promise<void>((resolve) => server.listen(folder.pathOf('socket'), resolve));
    });

    afterEach(() => new Promise((resolve) => server.close(resolve)));

    it.each([
      ['folder', 'a folder'],
      ['pipe', 'a pipe'],
      ['link', 'a pipe'],
      ['socket', 'a socket'],
      ['astray', 'a link that leads nowhere'],
      ['circle', 'a link that leads nowhere'],
      ['/dev/null', 'a device'],
    ])('if %s is %s, and creates nothing', (name, kind) => {
      const place = name.startsWith('/') ? name : folder.pathOf(name);
      const before = readdirSync(folder.pathOf('.'), { recursive: true });
      const open = () => openSqliteStore(place, { isReadOnly });
      expect(open).toThrow(StoreUnusable);
      expect(open).toThrow(`There can be no database "${place}": ${kind} is there`);
      expect(readdirSync(folder.pathOf('.'), { recursive: true })).toEqual(before);
      expect(readdirSync('/dev').filter((made) => /^null./.test(made))).toEqual([]);
    });
  });

  it('opens a file through a link', async () => {
    await openSqliteStore(path).close();
    symlinkSync('dora.db', folder.pathOf('link.db'));
    await openSqliteStore(folder.pathOf('link.db')).close();
    await openSqliteStore(folder.pathOf('link.db'), { isReadOnly: true }).close();
  });

  it('is unusable below a file', () => {
    writeFileSync(folder.pathOf('file'), '');
    expect(() => openSqliteStore(folder.pathOf('file/dora.db'))).toThrow(StoreUnusable);
    expect(() => openSqliteStore(folder.pathOf('file/dora.db'))).toThrow(/There can be no database/);
  });

  describe('has files', () => {
    const modesOf = () =>
      Object.fromEntries(
        readdirSync(folder.pathOf('.')).map((name) => [
          name,
          (statSync(folder.pathOf(name)).mode & 0o777).toString(8),
        ]),
      );

    it('that only their owner may read, the log and the index included', async () => {
      const store = openSqliteStore(path);
      await store.transact((tx) => tx.meta.put('policy', 'a'));
      expect(modesOf()).toEqual({
        'dora.db': '600',
        'dora.db-shm': '600',
        'dora.db-wal': '600',
        'dora.db.lock': '600',
      });
      await store.close();
    });

    it('that keep their mode', async () => {
      await openSqliteStore(path).close();
      chmodSync(path, 0o640);
      const store = openSqliteStore(path);
      await store.transact((tx) => tx.meta.put('policy', 'a'));
      expect(modesOf()).toMatchObject({ 'dora.db': '640', 'dora.db-shm': '640', 'dora.db-wal': '640' });
      await store.close();
    });
  });

  describe('on a full disk', () => {
    /** Limits the database to its current pages, so that the next page meets a full disk. */
    const fill = (connection: DatabaseSync) => connection.exec('PRAGMA max_page_count = 1');
    const makeRoom = (connection: DatabaseSync) => connection.exec('PRAGMA max_page_count = 1000000');
    const large = 'x'.repeat(1_000_000);

    it('is unavailable, keeps nothing of the work, and works again once there is space', async () => {
      const { store, connection } = openWithConnection();
      await store.transact((tx) => tx.meta.put('small', 'a'));
      fill(connection);
      const attempt = store.transact(async (tx) => {
        await tx.meta.put('small', 'b');
        await tx.meta.put('large', large);
      });
      await expect(attempt).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(attempt).rejects.toThrow(/full/);
      expect(await store.transact((tx) => tx.meta.get('small'))).toBe('a');
      makeRoom(connection);
      await store.transact((tx) => tx.meta.put('large', large));
      expect(await store.transact((tx) => tx.meta.get('large'))).toBe(large);
      await store.close();
    });
  });

  it('is unavailable if another connection holds the database too long, and works again afterwards', async () => {
    const store = openSqliteStore(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const work = vi.fn(async () => undefined);
    await expect(store.transact(work)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(work).not.toHaveBeenCalled();
    other.exec('ROLLBACK');
    other.close();
    await store.transact((tx) => tx.meta.put('policy', 'a'));
    expect(await store.transact((tx) => tx.meta.get('policy'))).toBe('a');
    await store.close();
  });
});
