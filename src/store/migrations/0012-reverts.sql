-- Commits that a deployment's message says it reverts, separated by spaces; NULL: none.

ALTER TABLE deployments ADD COLUMN reverts TEXT;
ALTER TABLE deployments_b ADD COLUMN reverts TEXT;
