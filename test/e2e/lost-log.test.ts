import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spawnExporter, startExporter, temporaryFolder } from '../support/exporter-process.ts';

const refused = { authorization: 'Bearer wrong' };
const report = { repo: 'acme/shop', number: 1, status: 'success', event: 'push', finished: 1_785_000_000 };

describe('where nobody reads the log any more', () => {
  it('ends in order, with exit code 1 and one line of why, and what it had acknowledged is kept', async () => {
    const env = { DORA_DATABASE: join(temporaryFolder(), 'dora.db') };
    const exporter = await startExporter(env);
    const told = exporter.output();
    exporter.child.stdout?.destroy();

    expect((await exporter.post(report)).status).toBe(202);
    // Is logged.
    expect((await exporter.post(report, refused)).status).toBe(401);

    expect(await exporter.exited).toEqual({ code: 1, signal: null });
    expect(exporter.output().slice(told.length)).toBe(
      'Standard output cannot be written any more, stopping: write EPIPE\n',
    );
    // Goes with the database's last connection, where that is closed.
    expect(existsSync(`${env.DORA_DATABASE}-wal`)).toBe(false);
    const again = await startExporter(env);
    expect(await (await again.post(report)).json()).toEqual({ result: 'duplicate' });
  });

  it('ends in order too where nobody reads its errors either', async () => {
    const env = { DORA_DATABASE: join(temporaryFolder(), 'dora.db') };
    const exporter = await startExporter(env);
    exporter.child.stdout?.destroy();
    exporter.child.stderr?.destroy();
    expect((await exporter.post(report, refused)).status).toBe(401);
    expect(await exporter.exited).toEqual({ code: 1, signal: null });
    expect(existsSync(`${env.DORA_DATABASE}-wal`)).toBe(false);
  });

  it('ends with 1 while it starts', async () => {
    const { child, output, exited } = spawnExporter({
      DORA_DATABASE: ':memory:',
      DORA_LISTEN: '127.0.0.1:0',
    });
    child.stdout.destroy();
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(output()).toBe('Standard output cannot be written any more, stopping: write EPIPE\n');
  });
});
