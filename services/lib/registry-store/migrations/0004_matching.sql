-- Which records without a number belong to whom (rule 4): what the matcher compares, what it found, and what a human must look at.

-- Rows of sources that changed and that the matcher has not looked at since. One row for each transaction, so that nobody who
-- writes one waits for the matcher or for anybody else.
create table match_pending (
  row_key text collate "C" not null,
  xact bigint not null,
  primary key (row_key, xact)
);

-- Source keys whose link is to be decided anew.
create table match_again (source_key text collate "C" primary key);

-- What is compared of each record, in the model's order of columns. place: where the record belongs without rule 4; movable:
-- nothing but its source key says so, and rule 4 decides. blocks: its keyed hashes of what records are compared by. Derived.
create table match_record (
  record_key text collate "C" primary key,
  source_key text collate "C" not null,
  place text collate "C" not null,
  movable boolean not null,
  content_hash bytea not null,
  compared text[] not null,
  blocks bigint[] not null
);
create index match_record_source_key on match_record (source_key) where movable;

-- The records of each block. movable as in match_record.
create table match_key (
  block bigint not null,
  record_key text collate "C" not null,
  movable boolean not null,
  primary key (block, record_key)
);
create index match_key_movable on match_key (block) where movable;

-- Blocks with more records than the model compares: they give no candidates.
create table match_block_over (
  block bigint primary key,
  rule text not null,
  since timestamptz not null default now()
);

-- How far the matcher has come. phase: keys (every record's place in the blocks), live.
create table match_state (
  one boolean primary key default true check (one),
  model text collate "C" not null,
  phase text collate "C" not null,
  after text collate "C" not null
);

-- Rule 4's input: each link of a source key to an anchor, with what it was found by. n counts the links of a source key; only
-- `until` is ever set, once. evidence: weights and levels of the pair that speaks most, candidates, margin; never values.
create table scored_link (
  source_key text collate "C" not null,
  n bigint not null,
  anchor text collate "C" not null,
  since timestamptz not null default now(),
  until timestamptz,
  weights text collate "C" not null,
  evidence jsonb not null,
  primary key (source_key, n)
);
create unique index scored_link_stands on scored_link (source_key) where until is null;
create index scored_link_anchor on scored_link (anchor);

-- Pairs of records that a human must look at: the record to be placed, and one of whom it may be. Only `until` is ever set, once.
create table match_review (
  source_key text collate "C" not null,
  record_key text collate "C" not null,
  other_key text collate "C" not null,
  anchor text collate "C" not null,
  twins boolean not null,
  reason text collate "C" not null,
  weight double precision not null,
  weights text collate "C" not null,
  evidence jsonb not null,
  since timestamptz not null default now(),
  until timestamptz,
  primary key (source_key, record_key, other_key, since)
);
create unique index match_review_open on match_review (source_key, record_key, other_key) where until is null;
create index match_review_record on match_review (record_key);
create index match_review_other on match_review (other_key);
