-- What steps reported for tiers that they named.

ALTER TABLE pipelines ADD COLUMN tier_reports TEXT; -- JSON array; NULL: none
