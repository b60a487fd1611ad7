-- Stewards' decisions about who a record belongs to, read from their captured records. What moves no record (a question to
-- the source, an investigation) is here too. ruling is null where a decision only takes another one back.
create table identity_decision (
  decision_id text collate "C" primary key,
  record_key text collate "C" not null,
  ruling text collate "C",
  subject text collate "C",
  subject_anchor text collate "C",
  other text collate "C",
  other_anchor text collate "C",
  considered jsonb not null,
  decided_at timestamptz not null,
  reverses text collate "C"
);
create index identity_decision_reverses on identity_decision (reverses) where reverses is not null;

-- A decision by all that it names: record keys, and anchors.
create table identity_decision_key (
  key text collate "C" not null,
  decision_id text collate "C" not null,
  primary key (key, decision_id)
);

-- What the decisions in force say of a record: the anchor that a link names, and those that it may not go to.
create table record_ruling (
  record_key text collate "C" primary key,
  anchor text collate "C",
  separated text[] not null
);
create index record_ruling_anchor on record_ruling (anchor) where anchor is not null;

-- The merges in force, each in both directions: keys as they are locked (a number, a source key), and the pair of records
-- that the decision names.
create table key_join (
  key text collate "C" not null,
  other text collate "C" not null,
  less text collate "C" not null,
  more text collate "C" not null,
  primary key (key, other, less, more)
);
create index key_join_less on key_join (less);
create index key_join_more on key_join (more);
