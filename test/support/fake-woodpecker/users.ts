/**
 * Who exists, by which token they are known, and their rows of the permission table. A user has one token at a time, as
 * in Woodpecker; nothing here asks a forge.
 */

import type { Access, User } from './model.ts';

export interface Users {
  addUser(user: { readonly login: string; readonly admin?: boolean }): User;
  /** Gives the user another token; the old one is bad from now on. */
  resetToken(login: string): User;
  user(login: string): User | null;
  userByToken(token: string): User | null;
  /** `null` removes the row. Topics of open streams stay as they are. */
  setAccess(login: string, repoId: number, access: Access | null): void;
  access(login: string, repoId: number): Access | null;
  /** All rows of a repo, by login. */
  accessTo(repoId: number): Readonly<Record<string, Access>>;
}

export function createUsers(): Users {
  const users = new Map<string, User>();
  /** Login to repo id to access. */
  const perms = new Map<string, Map<number, Access>>();
  let tokensMade = 0;

  function rowsOf(login: string): Map<number, Access> {
    const rows = perms.get(login);
    if (!rows) throw new Error(`The fake has no user "${login}"`);
    return rows;
  }

  function withNewToken(user: Omit<User, 'token'>): User {
    tokensMade += 1;
    const changed = { ...user, token: `token-${tokensMade}-of-${user.login}` };
    users.set(user.login, changed);
    return changed;
  }

  return {
    addUser({ login, admin = false }) {
      if (users.has(login)) throw new Error(`The fake already has a user "${login}"`);
      perms.set(login, new Map());
      return withNewToken({ id: users.size + 1, login, admin });
    },

    resetToken(login) {
      const user = users.get(login);
      if (!user) throw new Error(`The fake has no user "${login}"`);
      return withNewToken(user);
    },

    user: (login) => users.get(login) ?? null,

    userByToken(token) {
      for (const user of users.values()) if (user.token === token) return user;
      return null;
    },

    setAccess(login, repoId, access) {
      if (access === null) rowsOf(login).delete(repoId);
      else rowsOf(login).set(repoId, access);
    },

    access: (login, repoId) => perms.get(login)?.get(repoId) ?? null,

    accessTo(repoId) {
      const found: Record<string, Access> = {};
      for (const [login, rows] of perms) {
        const access = rows.get(repoId);
        if (access) found[login] = access;
      }
      return found;
    },
  };
}
