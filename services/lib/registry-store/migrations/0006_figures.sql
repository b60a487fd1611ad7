-- How many records each partition handed over, counted before anything becomes of them: together with the outcomes it
-- shows a record that was read and of which nothing became.
alter table consumer_position add column read bigint not null default 0;
update consumer_position set read = applied + no_change + duplicate + stale + quarantined;

-- Who has seen a person's whole past, what an adoption has made a family secret among it, and what for. Only grows.
create table secret_view (
  view_id uuid primary key default gen_random_uuid(),
  viewed_at timestamptz not null default clock_timestamp(),
  viewer text not null,
  person_id uuid not null,
  purpose text not null,
  command text not null
);
create index secret_view_at on secret_view (viewed_at);
