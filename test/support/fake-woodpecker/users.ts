/**
 * Users, their tokens, their rights on the forge, and Woodpecker's table of permissions. Woodpecker reads its table
 * alone and copies a right of the forge into it on few occasions, so the two differ. A user has one token at a time.
 */

import type { Access, User } from './model.ts';

export function createUsers() {
  const users = new Map<string, User>();
  /** Login to repo id to access. */
  const perms = new Map<string, Map<number, Access>>();
  /** The same on the forge. */
  const rights = new Map<string, Map<number, Access>>();
  let tokensMade = 0;

  function set(
    table: Map<string, Map<number, Access>>,
    login: string,
    repoId: number,
    access: Access | null,
  ): void {
    const rows = table.get(login);
    if (!rows) throw new Error(`The fake has no user "${login}"`);
    if (access === null) rows.delete(repoId);
    else rows.set(repoId, access);
  }

  function withNewToken(user: Omit<User, 'token'>): User {
    tokensMade += 1;
    const changed = { ...user, token: `token-${tokensMade}-of-${user.login}` };
    users.set(user.login, changed);
    return changed;
  }

  return {
    addUser({ login, admin = false }: { readonly login: string; readonly admin?: boolean }): User {
      if (users.has(login)) throw new Error(`The fake already has a user "${login}"`);
      perms.set(login, new Map());
      rights.set(login, new Map());
      return withNewToken({ id: users.size + 1, login, admin });
    },

    /** Gives the user another token; the old one is bad from now on. */
    resetToken(login: string): User {
      const user = users.get(login);
      if (!user) throw new Error(`The fake has no user "${login}"`);
      return withNewToken(user);
    },

    user: (login: string): User | null => users.get(login) ?? null,

    userByToken(token: string): User | null {
      for (const user of users.values()) if (user.token === token) return user;
      return null;
    },

    /** Changes the right on the forge alone; `null` removes it. */
    setRight: (login: string, repoId: number, right: Access | null) => set(rights, login, repoId, right),
    right: (login: string, repoId: number): Access | null => rights.get(login)?.get(repoId) ?? null,

    /** Changes the right on the forge and the row; `null` removes both. Open streams keep their topics. */
    setAccess(login: string, repoId: number, access: Access | null): void {
      set(rights, login, repoId, access);
      set(perms, login, repoId, access);
    },

    /** Writes the row alone. */
    setRow: (login: string, repoId: number, access: Access) => set(perms, login, repoId, access),
    /** The row of the permission table. */
    access: (login: string, repoId: number): Access | null => perms.get(login)?.get(repoId) ?? null,

    /** All rows of a repo, by login. */
    accessTo(repoId: number): Readonly<Record<string, Access>> {
      const found: Record<string, Access> = {};
      for (const [login, rows] of perms) {
        const access = rows.get(repoId);
        if (access) found[login] = access;
      }
      return found;
    },

    logins: (): readonly string[] => [...users.keys()],
  };
}
