-- A part may finish before its pipeline ends. How many seconds before: nobody knew of the deployment until then.

ALTER TABLE deployments ADD COLUMN known_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments_b ADD COLUMN known_after INTEGER NOT NULL DEFAULT 0;
UPDATE deployments SET known_after = COALESCE(pipelines.finished_at, pipelines.first_end_report_at) - deployed_at
  FROM pipelines
  WHERE pipelines.repo = deployments.repo AND pipelines.number = deployments.number AND deployments.outcome IS NOT NULL
    AND pipelines.status <> '' AND COALESCE(pipelines.finished_at, pipelines.first_end_report_at) > deployed_at;
UPDATE deployments_b SET known_after = COALESCE(pipelines.finished_at, pipelines.first_end_report_at) - deployed_at
  FROM pipelines
  WHERE pipelines.repo = deployments_b.repo AND pipelines.number = deployments_b.number
    AND deployments_b.outcome IS NOT NULL
    AND pipelines.status <> '' AND COALESCE(pipelines.finished_at, pipelines.first_end_report_at) > deployed_at;
