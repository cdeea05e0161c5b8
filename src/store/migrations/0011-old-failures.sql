-- Failures that a version which kept no workflows, and did not note when it saw an end, has stored: those still to be read.

CREATE INDEX pipelines_old_failures ON pipelines (repo, number)
  WHERE status = 'failure' AND has_workflows = 0 AND end_seen_at IS NULL;
