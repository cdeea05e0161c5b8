-- What ran in a pipeline, and what it was made from.

ALTER TABLE pipelines ADD COLUMN ref TEXT;
ALTER TABLE pipelines ADD COLUMN parent INTEGER;
ALTER TABLE pipelines ADD COLUMN canceled_by_step TEXT;
ALTER TABLE pipelines ADD COLUMN workflows TEXT; -- JSON array; NULL: not known, or none

-- How older rows ended was decided before they were stored: a failure of a server before 3.14 that was a cancelled run,
-- and a kill by a failing step, whose name is not known any more.
UPDATE pipelines SET status = 'killed' WHERE cut_short_by = 'cancel';
UPDATE pipelines SET canceled_by_step = '' WHERE cut_short_by = 'failing_step';
UPDATE pipelines SET has_workflows = 0;
ALTER TABLE pipelines DROP COLUMN cut_short_by;
