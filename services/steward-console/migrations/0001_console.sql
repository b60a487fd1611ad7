-- The console's own database: who may work, who is signed in, what was decided, who did what.
-- Decisions and audit entries are only ever inserted; a decision is taken back by another decision.
create schema console;

create table console.steward_user (
    name text primary key check (name ~ '^[a-z][a-z0-9._-]{1,62}$'),
    role text not null check (role in ('steward', 'reader')),
    -- PHC string of Argon2id.
    password_hash text not null,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);

-- A session is known by the SHA-256 of its token: who reads this table cannot use one.
create table console.session (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    user_name text not null references console.steward_user (name) on delete cascade,
    created_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null
);
create index session_of_user on console.session (user_name, created_at);
create index session_by_end on console.session (expires_at);

-- Failed sign-ins. Names that no user has share a fixed number of rows ('?0' …), so the table stays small.
create table console.sign_in_failure (
    who text primary key,
    failures integer not null,
    since timestamptz not null
);

-- What the adapter captures as source 'steward': exactly what travels, so neither reason nor actor is here.
create table console.decision (
    decision_id uuid primary key,
    field text not null,
    -- The record whose value stands.
    takes text not null,
    -- JSON in ASCII: every (record_key, keyed hash of its value) that the steward saw.
    considered text not null,
    reverses uuid references console.decision (decision_id),
    decided_at timestamptz not null
);
alter table console.decision replica identity full;
create publication dansync for table console.decision;

-- The decisions of a case form a chain: of two stewards who saw the same state, one gets through.
create table console.case_decision (
    case_id text not null,
    -- The decision before it, or the nil id.
    follows uuid not null,
    decision_id uuid not null unique references console.decision (decision_id),
    -- Keyed hash over all values shown.
    seen text not null,
    decided_by text not null,
    primary key (case_id, follows)
);

create table console.audit (
    audit_id uuid primary key,
    at timestamptz not null,
    actor text not null,
    channel text not null check (channel in ('page', 'command')),
    action text not null,
    case_id text,
    decision_id uuid references console.decision (decision_id),
    field text,
    takes text,
    reason text
);
create index audit_by_time on console.audit (at);
create index audit_of_case on console.audit (case_id, at) where case_id is not null;

create function console.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is insert-only', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger insert_only before update or delete on console.decision
    for each row execute function console.refuse_change();
create trigger insert_only before update or delete on console.case_decision
    for each row execute function console.refuse_change();
create trigger insert_only before update or delete on console.audit
    for each row execute function console.refuse_change();
create trigger never_emptied before truncate on console.decision
    for each statement execute function console.refuse_change();
create trigger never_emptied before truncate on console.case_decision
    for each statement execute function console.refuse_change();
create trigger never_emptied before truncate on console.audit
    for each statement execute function console.refuse_change();
