-- What was taken out of a collection on purpose: delivering it again does not put it back.
CREATE TABLE departed (
  tenant     INTEGER NOT NULL,
  world      INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  collection INTEGER NOT NULL,
  modified   INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, object, collection, modified)
) STRICT, WITHOUT ROWID;

-- Words are gathered in memory up to this many bytes before they become a segment: fewer segments, fewer merges.
INSERT INTO search (search, rank) VALUES ('hashsize', 16777216);
