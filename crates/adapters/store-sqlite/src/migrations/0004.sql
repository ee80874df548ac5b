-- Schema 4: detection. Never edit a released migration: add the next one.
--
-- `config`, `position`, `detail`, `allowed` and `body` are the shell's own JSON. What names an object goes when the object
-- is erased.

-- The last number given to a group of alerts, in whatever world.
ALTER TABLE tenant ADD COLUMN last_alert INTEGER NOT NULL DEFAULT 0;

CREATE TABLE log_source (
  tenant     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  kind       TEXT    NOT NULL,
  config     TEXT    NOT NULL,
  enabled    INTEGER NOT NULL,
  added      INTEGER NOT NULL,
  position   TEXT,
  records    INTEGER NOT NULL DEFAULT 0,
  malformed  INTEGER NOT NULL DEFAULT 0,
  bytes      INTEGER NOT NULL DEFAULT 0,
  lost       INTEGER NOT NULL DEFAULT 0,
  kept       INTEGER NOT NULL DEFAULT 0,
  matched    INTEGER NOT NULL DEFAULT 0,
  last_event INTEGER,
  last_read  INTEGER,
  error_at   INTEGER,
  error      TEXT,
  detail     TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_text (
  tenant INTEGER NOT NULL,
  name   TEXT    NOT NULL,
  text   TEXT    NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- `digest` is what alerts of one group have in common. `closed`, `author` and `reason` are there together or not at all.
CREATE TABLE alert (
  tenant  INTEGER NOT NULL,
  world   INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  digest  BLOB    NOT NULL,
  rule    TEXT    NOT NULL,
  object  TEXT,
  title   TEXT    NOT NULL,
  level   INTEGER NOT NULL,
  source  TEXT    NOT NULL,
  past    INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  count   INTEGER NOT NULL,
  detail  TEXT    NOT NULL,
  allowed TEXT    NOT NULL,
  raised  INTEGER NOT NULL,
  touched INTEGER NOT NULL,
  closed  INTEGER,
  author  TEXT,
  reason  TEXT,
  PRIMARY KEY (tenant, world, number),
  UNIQUE (tenant, world, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_open ON alert (tenant, world, number) WHERE closed IS NULL;
CREATE INDEX alert_rule ON alert (tenant, world, rule, number);
CREATE INDEX alert_object ON alert (tenant, world, object, number) WHERE object IS NOT NULL;
CREATE INDEX alert_touched ON alert (tenant, world, touched);

-- `kind` is a place in the list of kinds; `finished` is whether the work is over.
CREATE TABLE work (
  tenant   INTEGER NOT NULL,
  world    INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  id       BLOB    NOT NULL,
  state    TEXT    NOT NULL,
  finished INTEGER NOT NULL,
  party    BLOB,
  object   TEXT,
  begun    INTEGER NOT NULL,
  changed  INTEGER NOT NULL,
  due      INTEGER,
  body     TEXT    NOT NULL,
  PRIMARY KEY (tenant, world, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_begun ON work (tenant, world, kind, finished, begun, id);
CREATE INDEX work_object ON work (tenant, world, object, kind, begun, id) WHERE object IS NOT NULL;
CREATE INDEX work_due ON work (tenant, world, kind, due, id) WHERE finished = 0 AND due IS NOT NULL;
CREATE INDEX work_changed ON work (tenant, world, kind, changed) WHERE finished = 1;
