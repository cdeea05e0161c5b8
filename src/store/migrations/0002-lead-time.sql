-- What a forge told of deployments, how far back each repo is known, and what lead times need of a pipeline.

CREATE TABLE changes (
  repo    INTEGER NOT NULL REFERENCES repos (key),
  number  INTEGER NOT NULL,
  base    TEXT,          -- NULL: there was no deployment before
  head    TEXT NOT NULL,
  commits TEXT,          -- JSON object; NULL: the forge cannot tell
  PRIMARY KEY (repo, number)
) STRICT, WITHOUT ROWID;

DROP INDEX pipelines_deployments;
CREATE INDEX pipelines_deployments
  ON pipelines (repo, tier, deployed_at, number, outcome, started_at, is_rework, credited, commit_sha, committed_at, event)
  WHERE outcome IS NOT NULL AND is_held = 0;
CREATE INDEX pipelines_commits ON pipelines (repo, commit_sha, created_at) WHERE is_held = 0;

ALTER TABLE repos ADD COLUMN known_since INTEGER;
UPDATE repos SET known_since =
  CASE
    WHEN horizon IS NOT NULL THEN horizon
    ELSE COALESCE(
      (SELECT MIN(COALESCE(created_at, deployed_at, updated_at)) FROM pipelines WHERE pipelines.repo = repos.key),
      named_at
    )
  END
WHERE is_revealed = 1;
