-- Where a case stands: new, reopened, waiting, under_investigation, closed, superseded; `open` says the same in short.
-- waits_for: the source that a waiting case waits for. decisions: those that made it wait or be looked into, in order.
-- opened_on: the business day on which it opened; due_on: the last day of its clock, provisional where the calendar is.
-- Each state with what brought it is in the history.
alter table registry_case
  add column state text collate "C" not null default 'new',
  add column waits_for text collate "C",
  add column decisions text[] not null default '{}',
  add column state_since timestamptz not null default now(),
  add column opened_on date,
  add column due_on date,
  add column due_provisional boolean not null default false;
update registry_case set state = case when open then 'new' else 'closed' end,
  state_since = coalesce(closed_at, opened_at),
  opened_on = (opened_at at time zone 'Asia/Ho_Chi_Minh')::date;
create index registry_case_due on registry_case (due_on) where open;

-- The pairs of persons that cases are about, by each of the two.
create table case_pair (
  person_id uuid not null,
  subject text collate "C" not null,
  primary key (person_id, subject)
);
