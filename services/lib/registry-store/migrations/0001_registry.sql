-- The population registry. Laws of this schema:
--   every key leads with what the table would be split by (record_key, anchor, person_id, topic and partition);
--   no sequence and no single row is touched by every transaction (an id below counts within its own key);
--   what is received stays (record_version, person_version, link, answer only grow);
--   texts that are keys compare by their bytes, so that ranges over a prefix are ranges of the index.

-- How far each partition has been applied, and by whom: moves only in the transaction that holds the effect. The outcomes
-- add up to the records read.
create table consumer_position (
  consumer_group text collate "C" not null,
  topic text collate "C" not null,
  partition int not null,
  next_offset bigint,
  owner_epoch bigint not null,
  applied bigint not null default 0,
  no_change bigint not null default 0,
  duplicate bigint not null default 0,
  stale bigint not null default 0,
  quarantined bigint not null default 0,
  markers bigint not null default 0,
  updated_at timestamptz not null default now(),
  primary key (consumer_group, topic, partition)
) with (fillfactor = 50);

-- Every version of every record, as received. standing: 0 asserted, 1 corrected, 2 annulled, 3 ceased, 4 withdrawn.
create table record_version (
  record_key text collate "C" not null,
  epoch int not null,
  position bigint not null,
  ordinal int not null,
  standing smallint not null,
  valid_from date,
  valid_to date,
  received_at timestamptz not null,
  content_hash bytea not null,
  schema_fingerprint text collate "C" not null,
  mapping_version int not null,
  payload bytea not null,
  primary key (record_key, epoch, position, ordinal)
) with (toast_tuple_target = 8160);
alter table record_version alter column content_hash set storage plain, alter column payload set storage external;

-- Which version stands, what it offers, and where it is attached. Its bytes are in record_version.
-- attach_rule: 0 nowhere (withdrawn, or a steward's), 1 steward, 2 number, 3 source key, 4 scored, 5 provisional.
-- source_key is null where only this record can have it; relation_group where nobody is tied through it.
create table record_latest (
  record_key text collate "C" primary key,
  epoch int not null,
  position bigint not null,
  ordinal int not null,
  standing smallint not null,
  content_hash bytea not null,
  pin text collate "C",
  source_key text collate "C",
  relation_group text collate "C",
  relation_to_head text,
  anchor text collate "C",
  attach_rule smallint not null,
  contradicted boolean not null
) with (fillfactor = 90);
alter table record_latest alter column content_hash set storage plain;
create index record_latest_pin on record_latest (pin) where pin is not null;
create index record_latest_source_key on record_latest (source_key) where source_key is not null;
create index record_latest_relation_group on record_latest (relation_group) where relation_group is not null;
create index record_latest_anchor on record_latest (anchor) where anchor is not null;

-- Rows whose newest version could not be read; the last readable one stands. Reasons are codes, never values.
create table row_marker (
  row_key text collate "C" primary key,
  epoch int not null,
  position bigint not null,
  ordinal int not null,
  reasons text[] not null,
  received_at timestamptz not null
);

-- Messages that are none: kept with their bytes, the rest goes on.
create table unreadable_message (
  topic text collate "C" not null,
  partition int not null,
  "offset" bigint not null,
  reason text not null,
  key bytea,
  payload bytea,
  received_at timestamptz not null,
  primary key (topic, partition, "offset")
);

-- The identity database's PIN register, as attaching reads it.
create table register_entry (
  pin text collate "C" not null,
  record_key text collate "C" not null,
  replaces text collate "C",
  name text,
  birth text,
  cancelled boolean not null,
  primary key (pin, record_key)
);
create index register_entry_replaces on register_entry (replaces) where replaces is not null;

-- One writer at a time for each key that records offer. Rows of locks, not locks in shared memory: their number is
-- bounded by disk. Nothing is lost with them, so they are not logged.
create unlogged table key_lock (key bigint primary key);

-- Whose anchor it is. person_id: the anchor's own, given when first seen; leads_to: the id that stands for it now;
-- yielded: its own id was taken over by a number first seen for it; changes: how many entries of link it has.
create table anchor (
  anchor text collate "C" primary key,
  person_id uuid not null,
  leads_to uuid not null,
  yielded boolean not null default false,
  changes bigint not null default 1,
  first_seen timestamptz not null default now()
) with (fillfactor = 90);
create index anchor_leads_to on anchor (leads_to);

-- The golden record's head; its bytes are in person_version under the same version.
-- lifecycle: 0 active, 1 deceased, 2 merged. facts: what others may hear of the person (JSON).
create table person (
  person_id uuid primary key,
  version bigint not null,
  image_hash bytea,
  lifecycle smallint not null default 0,
  countable boolean not null default false,
  facts text,
  next_due date
) with (fillfactor = 70);
alter table person alter column image_hash set storage plain, alter column facts set storage main;

-- What is published, and the history at once: captured by the adapter as it is inserted. id rises within a key.
create table person_version (
  key text collate "C" not null,
  id bigint not null,
  topic text collate "C" not null,
  subject text collate "C" not null,
  payload bytea not null,
  received_at timestamptz not null default now(),
  primary key (key, id)
) with (toast_tuple_target = 8160);
create table link (
  key text collate "C" not null,
  id bigint not null,
  topic text collate "C" not null,
  subject text collate "C" not null,
  payload bytea not null,
  received_at timestamptz not null default now(),
  primary key (key, id)
);
create table answer (
  key text collate "C" not null,
  id bigint not null,
  topic text collate "C" not null,
  subject text collate "C" not null,
  payload bytea not null,
  received_at timestamptz not null default now(),
  primary key (key, id)
);
alter table person_version alter column payload set storage external, replica identity full;
alter table link alter column payload set storage external, replica identity full;
alter table answer alter column payload set storage external, replica identity full;
create publication dansync for table person_version, link, answer with (publish = 'insert');

-- Open and closed questions. subject: person:<id> or record:<record_key>; field: '' where there is none.
create table registry_case (
  subject text collate "C" not null,
  kind text collate "C" not null,
  field text collate "C" not null,
  case_id text collate "C" not null,
  open boolean not null,
  fingerprint text collate "C" not null,
  records text[] not null,
  severity smallint not null,
  opened_at timestamptz not null default now(),
  closed_at timestamptz,
  history jsonb not null default '[]',
  primary key (subject, kind, field)
);
create unique index registry_case_id on registry_case (case_id);
create index registry_case_open on registry_case (severity desc, opened_at) where open;

-- Stewards' decisions, read from their captured records; and by each record they name.
create table decision (
  decision_id text collate "C" primary key,
  record_key text collate "C" not null,
  field text collate "C" not null,
  takes text collate "C" not null,
  considered jsonb not null,
  decided_at timestamptz not null,
  reverses text collate "C"
);
create index decision_reverses on decision (reverses) where reverses is not null;
create table decision_record (
  record_key text collate "C" not null,
  decision_id text collate "C" not null,
  primary key (record_key, decision_id)
);

-- Persons to merge anew, and when: at once for a neighbour's news, later for a date that changes an answer.
create table due (
  person_id uuid not null,
  reason text collate "C" not null,
  on_date date not null,
  primary key (person_id, reason)
);
create index due_on_date on due (on_date, person_id);

-- The first load: keep → facts → merge → live. Only in the first three is this row locked by anybody.
create table load_state (
  one boolean primary key default true check (one),
  stage text collate "C" not null,
  changed_at timestamptz not null default now()
);
insert into load_state (stage) values ('keep');
create table load_source (
  source text collate "C" primary key,
  waived boolean not null default false,
  ended_at timestamptz
);
create table load_slice (
  stage text collate "C" not null,
  from_anchor text collate "C" not null,
  until_anchor text collate "C" not null,
  primary key (stage, from_anchor)
);

-- What each partition has said of a snapshot; what its end found missing.
create table snapshot_mark (
  source text collate "C" not null,
  epoch int not null,
  partition int not null,
  begun_at timestamptz,
  ended_at timestamptz,
  primary key (source, epoch, partition)
);
create table sweep (
  source text collate "C" not null,
  epoch int not null,
  entity text collate "C" not null,
  state text collate "C" not null,
  missing bigint not null default 0,
  total bigint not null default 0,
  truncated boolean not null,
  changed_at timestamptz not null default now(),
  primary key (source, epoch, entity)
);

-- A question of the audit, and the counts of a partition when it came by.
create table fence (
  fence_id text collate "C" not null,
  topic text collate "C" not null,
  partition int not null,
  epoch int not null,
  position bigint not null,
  next_offset bigint not null,
  applied bigint not null,
  no_change bigint not null,
  duplicate bigint not null,
  stale bigint not null,
  quarantined bigint not null,
  markers bigint not null,
  primary key (fence_id, topic, partition)
);

-- The day in Vietnam and the rules for which everything is merged; written by the owner of the topic control only.
create table rule_set (
  name text collate "C" primary key,
  catalogue text not null,
  kept_at timestamptz not null default now()
);
create table business_day (
  one boolean primary key default true check (one),
  date date not null,
  rule_set text collate "C" not null references rule_set (name)
);

-- Who may do what only one should, until when.
create table lease (
  name text collate "C" primary key,
  holder text not null,
  until timestamptz not null
);
