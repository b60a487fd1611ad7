-- Decisions about values while they can still be undone. Not captured: the registry hears of a decision when its window is over.

create table console.held_decision (
    -- The decision's own id once it is recorded.
    decision_id uuid primary key,
    case_id text not null,
    follows uuid not null,
    -- What its author had before their eyes.
    seen text not null,
    field text not null,
    takes text not null,
    considered text not null,
    reason text not null,
    held_by text not null,
    held_at timestamptz not null,
    held_until timestamptz not null check (held_until > held_at)
);
create index held_decision_of_case on console.held_decision (case_id, held_at);

-- Those that wait. One a case: of two stewards who saw the same state one gets through. Who ends the wait takes the row away,
-- so a decision is recorded or undone, never both.
create table console.held_now (
    case_id text primary key,
    decision_id uuid not null unique references console.held_decision (decision_id),
    held_until timestamptz not null
);
create index held_now_by_end on console.held_now (held_until);

-- How the wait ended. `changed`: what its author saw was not there any more; `not_allowed`: its author may not decide any more.
create table console.held_outcome (
    decision_id uuid primary key references console.held_decision (decision_id),
    outcome text not null check (outcome in ('recorded', 'undone', 'changed', 'not_allowed')),
    -- Who undid it; none where the window's end did it.
    ended_by text,
    ended_at timestamptz not null,
    check ((outcome = 'undone') = (ended_by is not null))
);

alter table console.audit
    add column held_decision_id uuid references console.held_decision (decision_id),
    drop constraint audit_channel_check,
    -- `window`: a user's decision that the end of its undo window recorded.
    add constraint audit_channel_check check (channel in ('page', 'command', 'window'));

create trigger insert_only before update or delete on console.held_decision
    for each row execute function console.refuse_change();
create trigger insert_only before update or delete on console.held_outcome
    for each row execute function console.refuse_change();
create trigger never_emptied before truncate on console.held_decision
    for each statement execute function console.refuse_change();
create trigger never_emptied before truncate on console.held_outcome
    for each statement execute function console.refuse_change();
