import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrate, refuseForeign, refuseOlder } from '../../src/store/migrate.ts';
import { StoreUnusable } from '../../src/store/store.ts';

describe('migrate', () => {
  let database: DatabaseSync;

  beforeEach(() => {
    database = new DatabaseSync(':memory:');
  });

  afterEach(() => {
    database.close();
  });

  const numberOf = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
  const schema = () => database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  /** "Dora" in ASCII. */
  const applicationId = 0x446f7261;

  it('brings a new database to the present version, and marks it as ours', () => {
    migrate(database);
    expect(numberOf('user_version')).toBeGreaterThanOrEqual(1);
    expect(numberOf('application_id')).toBe(applicationId);
    const tables = database
      .prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
      )
      .all()
      .map((row) => row['name']);
    expect(tables).toEqual(
      expect.arrayContaining(['backfills', 'follows', 'meta', 'pairs', 'pipelines', 'repos']),
    );
  });

  it('applies each migration once, and keeps what the database holds', () => {
    migrate(database);
    const before = schema();
    database.exec("INSERT INTO meta (key, value) VALUES ('policy', 'a')");
    migrate(database);
    expect(schema()).toEqual(before);
    expect(database.prepare('SELECT value FROM meta').all()).toEqual([{ value: 'a' }]);
  });

  it('refuses a newer version, naming both', () => {
    migrate(database);
    const known = numberOf('user_version');
    database.exec(`PRAGMA user_version = ${known + 1}`);
    expect(() => migrate(database)).toThrow(StoreUnusable);
    expect(() => migrate(database)).toThrow(`version ${known + 1}, this exporter knows up to ${known}`);
  });

  it.each([
    ['tables and no id', 'CREATE TABLE songs (title TEXT)'],
    ['tables and another id', 'CREATE TABLE songs (title TEXT); PRAGMA application_id = 1196444487'],
    ['a version and nothing else', 'PRAGMA user_version = 1'],
  ])("refuses another program's database, with %s, and leaves it alone", (_, sql) => {
    database.exec(sql);
    const before = [schema(), numberOf('user_version'), numberOf('application_id')];
    expect(() => migrate(database)).toThrow(StoreUnusable);
    expect([schema(), numberOf('user_version'), numberOf('application_id')]).toEqual(before);
  });

  it('leaves nothing behind of a migration that fails', () => {
    database.exec('PRAGMA query_only = ON');
    expect(() => migrate(database)).toThrow();
    database.exec('PRAGMA query_only = OFF');
    expect(schema()).toEqual([]);
    expect(numberOf('user_version')).toBe(0);
    expect(database.isTransaction).toBe(false);
    migrate(database);
    expect(numberOf('application_id')).toBe(applicationId);
  });
});

describe('refuseOlder', () => {
  it('refuses a database that lacks a migration, and no other', () => {
    const database = new DatabaseSync(':memory:');
    expect(() => refuseOlder(database)).toThrow(StoreUnusable);
    migrate(database);
    expect(() => refuseOlder(database)).not.toThrow();
    database.close();
  });
});

describe('refuseForeign', () => {
  it('lets a new database pass, and one of ours', () => {
    const database = new DatabaseSync(':memory:');
    expect(() => refuseForeign(database)).not.toThrow();
    migrate(database);
    expect(() => refuseForeign(database)).not.toThrow();
    database.close();
  });
});
