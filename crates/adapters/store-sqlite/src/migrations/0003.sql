-- Schema 3: what is shared with other parties. Never edit a released migration: add the next one.
--
-- Digests, and parties and agreements by theirs, are 32 bytes. What names an object or a version loses the name when the
-- object is erased.

-- Facts that policy decides by, as text. Number 0 has no row: it is the empty text, not classified yet.
CREATE TABLE class (
  number INTEGER NOT NULL PRIMARY KEY,
  tenant INTEGER NOT NULL,
  text   TEXT    NOT NULL,
  UNIQUE (tenant, text)
) STRICT;
ALTER TABLE version ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
CREATE INDEX version_unclassified ON version (tenant, world, number) WHERE class = 0;

-- Class and label of the newest version, so that newest versions are counted and listed by them in one range.
ALTER TABLE object ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
ALTER TABLE object ADD COLUMN label INTEGER;
UPDATE object SET label = (
  SELECT v.label FROM version v WHERE v.tenant = object.tenant AND v.number = object.latest
) WHERE latest IS NOT NULL;
CREATE INDEX object_class ON object (tenant, world, class, label, latest) WHERE latest IS NOT NULL;

-- What came with a held value beyond its bytes: a label, and the terms of the agreement it came under (who vouches for it,
-- how it may be passed on and handled).
ALTER TABLE held ADD COLUMN narrowing INTEGER;
ALTER TABLE held ADD COLUMN origin BLOB;
ALTER TABLE held ADD COLUMN onward TEXT;
ALTER TABLE held ADD COLUMN handling TEXT;

-- From it follows each tenant's key for the keyed names of objects in streams.
INSERT INTO meta (name, value) VALUES ('naming', randomblob(32));

-- The last number given out of each kind; for leaves, how many there are.
CREATE TABLE trust (
  tenant      INTEGER NOT NULL PRIMARY KEY,
  channels    INTEGER NOT NULL,
  documents   INTEGER NOT NULL,
  decisions   INTEGER NOT NULL,
  queued      INTEGER NOT NULL,
  holdings    INTEGER NOT NULL,
  disclosures INTEGER NOT NULL,
  leaves      INTEGER NOT NULL,
  reviews     INTEGER NOT NULL,
  queries     INTEGER NOT NULL
) STRICT;

-- A party under an agreement, as one small number; `agreement` is empty for the party whatever the agreement.
CREATE TABLE channel (
  tenant    INTEGER NOT NULL,
  number    INTEGER NOT NULL,
  party     BLOB    NOT NULL,
  agreement BLOB    NOT NULL,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, party, agreement)
) STRICT, WITHOUT ROWID;

CREATE TABLE document (
  tenant  INTEGER NOT NULL,
  kind    INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  subject BLOB    NOT NULL,
  hash    BLOB    NOT NULL,
  text    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (tenant, kind, number),
  UNIQUE (tenant, kind, subject, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX document_subject ON document (tenant, kind, subject, number);

CREATE TABLE peer (
  tenant       INTEGER NOT NULL,
  party        BLOB    NOT NULL,
  name         TEXT    NOT NULL,
  endpoint     TEXT,
  state        INTEGER NOT NULL,
  since        INTEGER NOT NULL,
  source       INTEGER NOT NULL,
  last_contact INTEGER,
  error_at     INTEGER,
  error        TEXT,
  note         TEXT    NOT NULL,
  PRIMARY KEY (tenant, party),
  UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE named_cursor (
  tenant INTEGER NOT NULL,
  name   TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE decision (
  tenant      INTEGER NOT NULL,
  number      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  channel     INTEGER NOT NULL,
  object      TEXT,
  version     INTEGER,
  permitted   INTEGER NOT NULL,
  clause      TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  obligations TEXT    NOT NULL,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_object ON decision (tenant, object, number) WHERE object IS NOT NULL;

CREATE TABLE outbox (
  tenant     INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  channel    INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  version    INTEGER,
  inline     TEXT,
  decision   INTEGER,
  not_before INTEGER NOT NULL,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_channel ON outbox (tenant, channel, number, not_before);
CREATE INDEX outbox_version ON outbox (tenant, version) WHERE version IS NOT NULL;

CREATE TABLE stream (
  tenant    INTEGER NOT NULL,
  channel   INTEGER NOT NULL,
  outbound  INTEGER NOT NULL,
  epoch     INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  head      BLOB    NOT NULL,
  acked     INTEGER NOT NULL,
  ack       TEXT,
  couriered INTEGER NOT NULL,
  PRIMARY KEY (tenant, channel, outbound)
) STRICT, WITHOUT ROWID;

-- `payload` is where versions have theirs; no two entries and no version share one.
CREATE TABLE entry (
  number   INTEGER NOT NULL PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  outbound INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  envelope TEXT    NOT NULL,
  salt     BLOB,
  version  INTEGER,
  payload  INTEGER,
  UNIQUE (tenant, channel, outbound, epoch, seq)
) STRICT;
CREATE INDEX entry_version ON entry (tenant, version) WHERE version IS NOT NULL;

-- Versions that stand in an entry's payload beside its own, because they explain it.
CREATE TABLE entry_along (
  entry   INTEGER NOT NULL,
  version INTEGER NOT NULL,
  tenant  INTEGER NOT NULL,
  PRIMARY KEY (entry, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_along_version ON entry_along (tenant, version);

CREATE TABLE segment (
  tenant   INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  outbound INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  count    INTEGER NOT NULL,
  text     TEXT    NOT NULL,
  PRIMARY KEY (tenant, channel, outbound, epoch, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE holding (
  tenant   INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  subject  BLOB    NOT NULL,
  object   TEXT,
  version  INTEGER,
  epoch    INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  onward   TEXT    NOT NULL,
  received INTEGER NOT NULL,
  ended    INTEGER,
  erased   INTEGER,
  hold     TEXT,
  kept     INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, channel, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX holding_object ON holding (tenant, object, number) WHERE object IS NOT NULL;
CREATE INDEX holding_live ON holding (tenant, channel, received) WHERE ended IS NULL;
CREATE INDEX holding_ended ON holding (tenant, number)
  WHERE ended IS NOT NULL AND erased IS NULL AND hold IS NULL AND kept = 0;

-- What flowed, for the caps of agreements.
CREATE TABLE passage (
  number   INTEGER NOT NULL PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  outbound INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  objects  INTEGER NOT NULL,
  bytes    INTEGER NOT NULL
) STRICT;
CREATE INDEX passage_channel ON passage (tenant, channel, outbound, at);

CREATE TABLE disclosure (
  tenant     INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  channel    INTEGER NOT NULL,
  subject    BLOB    NOT NULL,
  object     TEXT,
  version    INTEGER,
  epoch      INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  clause     TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  withdrawn  INTEGER,
  deadline   INTEGER,
  receipt_at INTEGER,
  receipt    TEXT,
  PRIMARY KEY (tenant, number),
  UNIQUE (tenant, channel, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX disclosure_object ON disclosure (tenant, object, number) WHERE object IS NOT NULL;
CREATE INDEX disclosure_open ON disclosure (tenant, number)
  WHERE withdrawn IS NOT NULL AND (receipt IS NULL OR receipt <> 'erased');
CREATE INDEX disclosure_withdrawn ON disclosure (tenant, object) WHERE withdrawn IS NOT NULL;

-- Names that were withdrawn: their return is barred.
CREATE TABLE withdrawal (
  tenant  INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  subject BLOB    NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (tenant, channel, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE origin (
  tenant    INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  statement TEXT    NOT NULL,
  PRIMARY KEY (tenant, version)
) STRICT, WITHOUT ROWID;

-- The ledger; openings lie apart, so that hashes are read without them.
CREATE TABLE leaf (
  tenant     INTEGER NOT NULL,
  place      INTEGER NOT NULL,
  hash       BLOB    NOT NULL,
  commitment BLOB    NOT NULL,
  kind       TEXT    NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (tenant, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE opening (
  tenant INTEGER NOT NULL,
  place  INTEGER NOT NULL,
  text   TEXT    NOT NULL,
  PRIMARY KEY (tenant, place)
) STRICT, WITHOUT ROWID;

-- The hashes above full tiles of the ledger's tree (C2SP tlog-tiles), by tile level from 1: they never change.
CREATE TABLE tile_hash (
  tenant INTEGER NOT NULL,
  level  INTEGER NOT NULL,
  place  INTEGER NOT NULL,
  hash   BLOB    NOT NULL,
  PRIMARY KEY (tenant, level, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  tenant INTEGER NOT NULL,
  origin TEXT    NOT NULL,
  size   INTEGER NOT NULL,
  note   TEXT    NOT NULL,
  PRIMARY KEY (tenant, origin)
) STRICT, WITHOUT ROWID;

CREATE TABLE review (
  tenant   INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  channel  INTEGER NOT NULL,
  object   TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  found    TEXT    NOT NULL,
  released INTEGER,
  author   TEXT,
  reason   TEXT,
  decided  INTEGER,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX review_version ON review (tenant, version, channel);
CREATE INDEX review_open ON review (tenant, number) WHERE released IS NULL;

-- `outcome`: 0 open, 1 answered, 2 refused, 3 lost.
CREATE TABLE private_query (
  tenant       INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  channel      INTEGER NOT NULL,
  asked        INTEGER NOT NULL,
  purpose      TEXT    NOT NULL,
  asked_values INTEGER NOT NULL,
  outcome      INTEGER NOT NULL,
  answer       INTEGER,
  reason       TEXT    NOT NULL,
  PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX private_query_at ON private_query (tenant, at, number);
CREATE INDEX private_query_channel ON private_query (tenant, channel, asked, at);
CREATE INDEX private_query_open ON private_query (tenant, at) WHERE outcome = 0;
