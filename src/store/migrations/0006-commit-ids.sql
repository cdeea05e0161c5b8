-- Ids that stand for a commit with another id, as a forge reported: of tag objects, and abbreviated ones.

CREATE TABLE commit_ids (
  repo      INTEGER NOT NULL REFERENCES repos (key),
  told      TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  PRIMARY KEY (repo, told)
) STRICT, WITHOUT ROWID;
CREATE INDEX commit_ids_commits ON commit_ids (repo, commit_id);

-- Asked for again: answers that took a missing repo for a lost commit, and those of which the head may be a tag object.
DELETE FROM changes WHERE commits IS NULL OR instr(commits, head) = 0;
