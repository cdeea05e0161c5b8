import type { Repo } from '../core/repo.ts';

/** A pipeline's page in Woodpecker; `null`: there is no Woodpecker, or it has no id for the repo. */
export function pipelineUrl(
  woodpeckerUrl: string | null,
  repo: Repo | undefined,
  number: number,
): string | null {
  const repoId = repo?.woodpeckerId ?? null;
  return woodpeckerUrl === null || repoId === null
    ? null
    : `${woodpeckerUrl}/repos/${repoId}/pipeline/${number}`;
}
