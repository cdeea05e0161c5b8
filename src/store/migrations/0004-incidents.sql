-- What was reported of incidents, and what operators say of deployments.

-- One row per alert, and per id of plain reports: which incidents follow from it depends on the policy.
CREATE TABLE incidents (
  key      TEXT PRIMARY KEY,
  document TEXT NOT NULL -- JSON object
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
  repo         INTEGER NOT NULL REFERENCES repos (key),
  number       INTEGER NOT NULL,
  tier         TEXT NOT NULL,
  mark         TEXT NOT NULL,
  recovered_at INTEGER,
  reason       TEXT,
  marked_at    INTEGER NOT NULL,
  PRIMARY KEY (repo, number, tier)
) STRICT, WITHOUT ROWID;
