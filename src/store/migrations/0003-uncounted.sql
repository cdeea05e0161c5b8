-- What an explanation reads of the pipelines that are no deployments: of one repo, by the time that stands for them.

CREATE INDEX pipelines_uncounted
  ON pipelines (repo, COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0), started_at, created_at, 0), number, tier, reason)
  WHERE outcome IS NULL AND is_held = 0;
