-- What a record once offered and no longer does, and every number that a register entry has taken the place of: with
-- record_latest it finds the records that had a key at any moment. key: 'pin:<number>', a source key, 'group:<group>'.
create table record_former (
  key text collate "C" not null,
  record_key text collate "C" not null,
  primary key (key, record_key)
);

-- Each business day and rule set with the log's time of the event that brought it; the first holds for all time before.
create table present_history (
  n bigint generated always as identity primary key,
  since timestamptz not null,
  date date not null,
  rule_set text collate "C" not null references rule_set (name)
);
insert into present_history (since, date, rule_set) select '-infinity', date, rule_set from business_day;

-- From a decision to the records it names: whom its reversal concerns.
create index decision_record_decision on decision_record (decision_id);

-- Whether keys have ids already when a first load begins: a registry that is made anew keeps them.
alter table load_state add column recalled boolean not null default false;
