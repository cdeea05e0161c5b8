-- A second place for what pipelines are under a policy. One of the two is in force; `meta` names it ("verdicts": absent or
-- "_b"). In the other, the next policy is prepared.

ALTER TABLE pipelines ADD COLUMN reason_b TEXT;
ALTER TABLE pipelines ADD COLUMN uncounted_b TEXT;
ALTER TABLE pipelines ADD COLUMN credited_b TEXT;
CREATE INDEX pipelines_ignored_b ON pipelines (reason_b) WHERE reason_b IS NOT NULL;
CREATE INDEX pipelines_uncounted_b
  ON pipelines (repo, COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0), number, uncounted_b, reason_b)
  WHERE COALESCE(reason_b, uncounted_b) IS NOT NULL AND is_held = 0;

CREATE TABLE deployments_b (
  repo         INTEGER NOT NULL,
  tier         TEXT NOT NULL,
  deployed_at  INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  outcome      TEXT,
  started_at   INTEGER,
  duration     INTEGER,
  is_rework    INTEGER NOT NULL,
  credited     INTEGER NOT NULL,
  commit_sha   TEXT NOT NULL,
  committed_at INTEGER,
  event        TEXT,
  branch       TEXT,
  ref          TEXT,
  is_restart   INTEGER NOT NULL,
  is_held      INTEGER NOT NULL,
  PRIMARY KEY (repo, tier, deployed_at, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployments_b_pipeline ON deployments_b (repo, number);
CREATE INDEX deployments_b_held ON deployments_b (repo, number) WHERE is_held = 1;
CREATE INDEX deployments_b_unread ON deployments_b (repo, tier, deployed_at) WHERE outcome IS NULL;
CREATE INDEX deployments_b_to_read ON deployments_b (repo, deployed_at, number) WHERE outcome IS NULL;
