-- What was taken out of a collection on purpose: delivering it again does not put it back.
CREATE TABLE departed (
  tenant     INTEGER NOT NULL,
  world      INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  collection INTEGER NOT NULL,
  modified   INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, object, collection, modified)
) STRICT, WITHOUT ROWID;
