-- Times are Unix seconds. A pipeline is one row per repo and number: its newest observation, what that is under the
-- policy, and what it has added to the ledger.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE repos (
  key              INTEGER PRIMARY KEY AUTOINCREMENT,
  woodpecker_id    INTEGER UNIQUE,
  forge_remote_id  TEXT,
  full_name        TEXT NOT NULL,
  named_at         INTEGER NOT NULL,
  default_branches TEXT NOT NULL, -- JSON array
  horizon          INTEGER,
  is_revealed      INTEGER NOT NULL,
  is_gone          INTEGER NOT NULL,
  scan             TEXT NOT NULL  -- JSON object
) STRICT;

CREATE TABLE pipelines (
  repo                INTEGER NOT NULL REFERENCES repos (key),
  number              INTEGER NOT NULL,
  id                  INTEGER NOT NULL,
  status              TEXT NOT NULL,
  event               TEXT,
  branch              TEXT,
  deploy_to           TEXT NOT NULL,
  commit_sha          TEXT NOT NULL,
  message             TEXT NOT NULL,
  from_fork           INTEGER NOT NULL,
  created_at          INTEGER,
  started_at          INTEGER,
  finished_at         INTEGER,
  updated_at          INTEGER NOT NULL,
  committed_at        INTEGER,
  has_workflows       INTEGER NOT NULL,
  from_rest           INTEGER NOT NULL,
  cut_short_by        TEXT,
  first_end_report_at INTEGER,
  -- Classification; a tier wherever the scope admits the pipeline, an outcome and a time where it is a deployment.
  tier                TEXT,
  reason              TEXT,
  outcome             TEXT,
  deployed_at         INTEGER,
  is_rework           INTEGER NOT NULL,
  -- Ledger.
  is_held             INTEGER NOT NULL,
  credited            INTEGER NOT NULL,
  PRIMARY KEY (repo, number)
) STRICT, WITHOUT ROWID;

-- Covers what start-up and a rebuilt series read.
CREATE INDEX pipelines_deployments
  ON pipelines (repo, tier, deployed_at, number, outcome, started_at, is_rework, credited, event)
  WHERE outcome IS NOT NULL AND is_held = 0;
CREATE INDEX pipelines_held ON pipelines (repo) WHERE is_held = 1;
CREATE INDEX pipelines_updated ON pipelines (repo, updated_at);
CREATE INDEX pipelines_ignored ON pipelines (reason) WHERE reason IS NOT NULL;

CREATE TABLE pairs (
  repo     INTEGER NOT NULL REFERENCES repos (key),
  tier     TEXT NOT NULL,
  is_known INTEGER NOT NULL,
  totals   TEXT NOT NULL, -- JSON object
  PRIMARY KEY (repo, tier)
) STRICT, WITHOUT ROWID;

CREATE TABLE follows (
  target_key TEXT NOT NULL,
  number     INTEGER NOT NULL,
  target     TEXT NOT NULL, -- JSON: id or name
  born_at    INTEGER NOT NULL,
  asked_at   INTEGER,
  hinted_at  INTEGER,
  PRIMARY KEY (target_key, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE backfills (
  id            TEXT PRIMARY KEY,
  started_at_ms INTEGER NOT NULL, -- Unix milliseconds
  summary       TEXT NOT NULL     -- JSON object
) STRICT, WITHOUT ROWID;
