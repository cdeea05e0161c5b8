-- A pipeline can be a deployment in several tiers: a row for each, with what the figures read of it, in their order.

CREATE TABLE deployments (
  repo         INTEGER NOT NULL,
  tier         TEXT NOT NULL,
  deployed_at  INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  outcome      TEXT, -- NULL: the pipeline has ended, and its workflows are still to be read
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
INSERT INTO deployments
  SELECT repo, tier, deployed_at, number, outcome, started_at, duration, is_rework, credited, commit_sha, committed_at, event,
    branch, ref, COALESCE(parent, 0) > 0, is_held
  FROM pipelines WHERE outcome IS NOT NULL;
CREATE INDEX deployments_pipeline ON deployments (repo, number);
CREATE INDEX deployments_held ON deployments (repo, number) WHERE is_held = 1;
CREATE INDEX deployments_unread ON deployments (repo, tier, deployed_at) WHERE outcome IS NULL;
CREATE INDEX deployments_to_read ON deployments (repo, deployed_at, number) WHERE outcome IS NULL;

CREATE TABLE tiered_changes (
  repo    INTEGER NOT NULL REFERENCES repos (key),
  number  INTEGER NOT NULL,
  tier    TEXT NOT NULL,
  base    TEXT,          -- NULL: there was no deployment before
  head    TEXT NOT NULL,
  commits TEXT,          -- JSON object; NULL: the forge cannot tell
  PRIMARY KEY (repo, number, tier)
) STRICT, WITHOUT ROWID;
INSERT INTO tiered_changes
  SELECT changes.repo, changes.number, tier, base, head, commits
  FROM changes JOIN pipelines ON pipelines.repo = changes.repo AND pipelines.number = changes.number
  WHERE tier IS NOT NULL;
DROP TABLE changes;
ALTER TABLE tiered_changes RENAME TO changes;

-- What a pipeline is in its other tiers: JSON arrays of tier and word, and of tier and bits of the ledger.
DROP INDEX pipelines_deployments;
DROP INDEX pipelines_uncounted;
ALTER TABLE pipelines ADD COLUMN uncounted TEXT;
ALTER TABLE pipelines RENAME COLUMN credited TO credited_once;
ALTER TABLE pipelines ADD COLUMN credited TEXT;
UPDATE pipelines SET
  uncounted = json_array(json_array(tier, COALESCE(reason, 'unfinished'))),
  credited = json_array(json_array(tier, credited_once))
WHERE outcome IS NULL AND tier IS NOT NULL;
ALTER TABLE pipelines DROP COLUMN tier;
ALTER TABLE pipelines DROP COLUMN outcome;
ALTER TABLE pipelines DROP COLUMN deployed_at;
ALTER TABLE pipelines DROP COLUMN is_rework;
ALTER TABLE pipelines DROP COLUMN duration;
ALTER TABLE pipelines DROP COLUMN credited_once;
CREATE INDEX pipelines_uncounted
  ON pipelines (repo, COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0), number, uncounted, reason)
  WHERE COALESCE(reason, uncounted) IS NOT NULL AND is_held = 0;

-- Of what no Woodpecker was asked for, nothing more can be read.
UPDATE pipelines SET has_workflows = 1 WHERE repo IN (SELECT key FROM repos WHERE horizon IS NULL);
