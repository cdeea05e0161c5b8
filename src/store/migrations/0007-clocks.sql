-- By which clocks a pipeline's times were told.

ALTER TABLE pipelines ADD COLUMN has_one_clock INTEGER NOT NULL DEFAULT 1;
ALTER TABLE pipelines ADD COLUMN clock_ahead INTEGER NOT NULL DEFAULT 0; -- Woodpecker's before ours, seconds
ALTER TABLE pipelines ADD COLUMN end_seen_at INTEGER DEFAULT 0; -- NULL: no end was seen; 0: before this column was there
ALTER TABLE pipelines ADD COLUMN duration INTEGER; -- as the core's durationOf, for the index

UPDATE pipelines SET end_seen_at = NULL
  WHERE status NOT IN ('success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped');
UPDATE pipelines SET duration = finished_at - started_at
  WHERE outcome IS NOT NULL AND started_at >= 1420070400 AND finished_at - started_at BETWEEN 0 AND 2592000;

DROP INDEX pipelines_deployments;
CREATE INDEX pipelines_deployments
  ON pipelines (repo, tier, deployed_at, number, outcome, started_at, duration, is_rework, credited, commit_sha, committed_at, event)
  WHERE outcome IS NOT NULL AND is_held = 0;

DROP INDEX pipelines_uncounted;
CREATE INDEX pipelines_uncounted
  ON pipelines (repo, COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0), number, tier, reason)
  WHERE outcome IS NULL AND is_held = 0;
