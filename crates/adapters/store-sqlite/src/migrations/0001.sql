-- Schema 1. Never edit a released migration: add the next one.
--
-- Portable subset: no triggers, generated columns or deferrable constraints. `tenant` leads every key; `world` follows
-- wherever a thing belongs to one. Instants are microseconds since 1970 in UTC.

-- Facts about this file: the secret that makes tombstones unguessable.
CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('key', randomblob(32));

-- Type names and edge names, shared by all: a small table in place of a text in every row.
CREATE TABLE word (
  number INTEGER NOT NULL PRIMARY KEY,
  text   TEXT    NOT NULL UNIQUE
) STRICT;

-- Counters. `head` is the journal's: allocated by UPDATE ... RETURNING in the transaction that uses it.
CREATE TABLE tenant (
  tenant          INTEGER NOT NULL PRIMARY KEY,
  head            INTEGER NOT NULL DEFAULT 0,
  horizon         INTEGER NOT NULL DEFAULT 0,
  search_cursor   INTEGER NOT NULL DEFAULT 0,
  objects         INTEGER NOT NULL DEFAULT 0,
  versions        INTEGER NOT NULL DEFAULT 0,
  last_held       INTEGER NOT NULL DEFAULT 0,
  last_finding    INTEGER NOT NULL DEFAULT 0,
  last_audit      INTEGER NOT NULL DEFAULT 0,
  last_source     INTEGER NOT NULL DEFAULT 0,
  last_collection INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE node (
  tenant   INTEGER NOT NULL PRIMARY KEY,
  name     TEXT    NOT NULL,
  country  TEXT,
  identity TEXT    NOT NULL,
  created  INTEGER NOT NULL
) STRICT;

-- Every id known: stored objects, and those only referred to (`latest` is null). `number` is local to this file.
CREATE TABLE object (
  number       INTEGER NOT NULL PRIMARY KEY,
  tenant       INTEGER NOT NULL,
  world        INTEGER NOT NULL,
  type         INTEGER NOT NULL,
  uuid         BLOB    NOT NULL,
  latest       INTEGER,
  first_source INTEGER,
  UNIQUE (tenant, world, uuid, type)
) STRICT;

-- The only place with raw bytes: of versions, held values and waiting requests.
CREATE TABLE payload (
  number INTEGER NOT NULL PRIMARY KEY,
  tenant INTEGER NOT NULL,
  raw    BLOB    NOT NULL
) STRICT;

-- A version's number is its place in the journal, so it is never used again.
CREATE TABLE version (
  tenant     INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  world      INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  modified   INTEGER NOT NULL,
  created    INTEGER,
  rendition  INTEGER NOT NULL,
  label      INTEGER NOT NULL,
  overlay    INTEGER,
  revoked    INTEGER NOT NULL,
  confidence INTEGER,
  source     INTEGER NOT NULL,
  created_by INTEGER,
  accepted   INTEGER NOT NULL,
  payload    INTEGER NOT NULL,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX version_object ON version (tenant, world, object, modified, rendition);

-- References of the newest versions.
CREATE TABLE edge (
  tenant INTEGER NOT NULL,
  world  INTEGER NOT NULL,
  source INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  target INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, source, name, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX edge_target ON edge (tenant, world, target);

-- What a relationship object joins, as one edge; `owner` is the relationship.
CREATE TABLE relationship (
  tenant INTEGER NOT NULL,
  world  INTEGER NOT NULL,
  owner  INTEGER NOT NULL,
  source INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  target INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, owner, name, source, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX relationship_source ON relationship (tenant, world, source);
CREATE INDEX relationship_target ON relationship (tenant, world, target);

-- Values of the newest versions.
CREATE TABLE observable (
  tenant INTEGER NOT NULL,
  world  INTEGER NOT NULL,
  kind   INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  object INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, kind, key, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX observable_object ON observable (tenant, world, object);

-- No payload, value or hash here: what `version` points to can be erased under it.
CREATE TABLE journal (
  tenant  INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  world   INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  source  INTEGER NOT NULL,
  version INTEGER,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- `added` is the last date given out, so that the next is later even when the clock is not.
CREATE TABLE collection (
  tenant INTEGER NOT NULL,
  number INTEGER NOT NULL,
  id     BLOB    NOT NULL,
  alias  TEXT    NOT NULL,
  title  TEXT    NOT NULL,
  kind   INTEGER NOT NULL,
  source INTEGER,
  added  INTEGER,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, id),
  UNIQUE (tenant, alias)
) STRICT, WITHOUT ROWID;

-- `last` and `first` are within the collection. `last` is in the key, so that the default page is one range.
CREATE TABLE membership (
  tenant     INTEGER NOT NULL,
  world      INTEGER NOT NULL,
  collection INTEGER NOT NULL,
  last       INTEGER NOT NULL,
  added      INTEGER NOT NULL,
  object     INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  modified   INTEGER NOT NULL,
  type       INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, collection, last, added)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_object ON membership (tenant, world, object, collection);
-- The rest of the key follows by itself: pages of one type are one range, too.
CREATE INDEX membership_type ON membership (tenant, world, collection, type, last, added);

CREATE TABLE held (
  tenant   INTEGER NOT NULL,
  world    INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  source   INTEGER NOT NULL,
  object   TEXT    NOT NULL,
  digest   BLOB    NOT NULL,
  payload  INTEGER,
  released INTEGER,
  author   TEXT,
  reason   TEXT,
  decided  INTEGER,
  PRIMARY KEY (tenant, world, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_object ON held (tenant, world, object);
CREATE INDEX held_open ON held (tenant, world, number) WHERE released IS NULL;

-- `held` is set for the reasons of a held value, null for findings kept for their own sake.
CREATE TABLE finding (
  tenant   INTEGER NOT NULL,
  world    INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  source   INTEGER NOT NULL,
  object   TEXT,
  held     INTEGER,
  severity INTEGER NOT NULL,
  rule     TEXT    NOT NULL,
  pointer  TEXT    NOT NULL,
  message  TEXT    NOT NULL,
  hint     TEXT,
  PRIMARY KEY (tenant, world, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_object ON finding (tenant, world, object) WHERE object IS NOT NULL;
CREATE INDEX finding_held ON finding (tenant, world, held) WHERE held IS NOT NULL;

-- What is left of an erased object: a keyed hash of its id.
CREATE TABLE tombstone (
  tenant INTEGER NOT NULL,
  world  INTEGER NOT NULL,
  digest BLOB    NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (tenant, world, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
  tenant        INTEGER NOT NULL,
  number        INTEGER NOT NULL,
  name          TEXT    NOT NULL,
  kind          TEXT    NOT NULL,
  config        TEXT    NOT NULL,
  default_label INTEGER NOT NULL,
  enabled       INTEGER NOT NULL,
  collection    BLOB    NOT NULL,
  cursor        TEXT,
  last_success  INTEGER,
  error_at      INTEGER,
  error         TEXT,
  failures      INTEGER NOT NULL DEFAULT 0,
  retry_at      INTEGER,
  accepted      INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  tenant   INTEGER NOT NULL,
  id       BLOB    NOT NULL,
  name     TEXT    NOT NULL,
  password TEXT,
  role     INTEGER NOT NULL,
  disabled INTEGER NOT NULL,
  created  INTEGER NOT NULL,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

-- `collections` is their 16-byte ids, one after the other; empty is no restriction.
CREATE TABLE token (
  tenant      INTEGER NOT NULL,
  id          BLOB    NOT NULL,
  account     BLOB    NOT NULL,
  name        TEXT    NOT NULL,
  hash        BLOB    NOT NULL,
  collections BLOB    NOT NULL,
  expires     INTEGER,
  created     INTEGER NOT NULL,
  PRIMARY KEY (tenant, id),
  UNIQUE (tenant, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_account ON token (tenant, account);

CREATE TABLE audit (
  tenant INTEGER NOT NULL,
  number INTEGER NOT NULL,
  at     INTEGER NOT NULL,
  actor  TEXT    NOT NULL,
  action TEXT    NOT NULL,
  target TEXT    NOT NULL,
  reason TEXT    NOT NULL,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE status (
  tenant     INTEGER NOT NULL,
  id         BLOB    NOT NULL,
  collection BLOB    NOT NULL,
  account    BLOB    NOT NULL,
  received   INTEGER NOT NULL,
  complete   INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX status_id ON status (id);

-- `outcome`: 0 pending, 1 success, 2 failure.
CREATE TABLE status_item (
  tenant  INTEGER NOT NULL,
  status  BLOB    NOT NULL,
  place   INTEGER NOT NULL,
  id      TEXT    NOT NULL,
  version TEXT    NOT NULL,
  outcome INTEGER NOT NULL,
  message TEXT    NOT NULL,
  PRIMARY KEY (tenant, status, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
  number  INTEGER NOT NULL PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  world   INTEGER NOT NULL,
  status  BLOB    NOT NULL,
  source  INTEGER NOT NULL,
  payload INTEGER NOT NULL,
  UNIQUE (tenant, status)
) STRICT;

CREATE TABLE warning_list (
  tenant INTEGER NOT NULL,
  name   TEXT    NOT NULL,
  raw    TEXT    NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- Full text: a projection that can be rebuilt. One document per object, for its newest version.
CREATE TABLE search_document (
  object  INTEGER NOT NULL PRIMARY KEY,
  tenant  INTEGER NOT NULL,
  world   INTEGER NOT NULL,
  version INTEGER NOT NULL,
  title   TEXT    NOT NULL,
  body    TEXT    NOT NULL
) STRICT;
CREATE VIRTUAL TABLE search USING fts5 (
  title, body, content = 'search_document', content_rowid = 'object', tokenize = 'unicode61'
);
-- Without this, deleted words stay readable in the index until its segments happen to be merged.
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
