-- The disclosure database: what each agreement permits, what it holds of whom, and the ledger of everything released.
-- Keys lead with the person or its reference, by which the tables would be split; nothing here is a counter that every
-- transaction touches.

create table agreement_version (
    agreement    text        not null,
    version      integer     not null check (version > 0),
    document     text        not null,              -- TOML as imported, the text that was signed
    imported_at  timestamptz not null default now(),
    imported_by  text        not null default current_user,
    primary key (agreement, version)
);

-- One row for each permitted field: what the guard before the wire reads.
create table agreement_field (
    agreement  text    not null,
    version    integer not null,
    field      text    not null,
    primary key (agreement, version, field),
    foreign key (agreement, version) references agreement_version
);

create table agreement_state (
    agreement   text        primary key,
    state       text        not null,
    version     integer,                            -- in force, once it has been activated
    generation  integer     not null default 1,     -- of its topic
    changed_at  timestamptz not null default now(),
    foreign key (agreement, version) references agreement_version
);

create table agreement_event (
    agreement   text        not null,
    event_id    uuid        not null default gen_random_uuid(),
    happened_at timestamptz not null default clock_timestamp(),
    actor       text        not null,
    from_state  text,
    to_state    text        not null,
    version     integer,
    generation  integer     not null,
    primary key (agreement, event_id)
);

-- The newest image of each person, bytes as received; guarded by the place in the registry's commit order.
create table person_state (
    person_id    uuid        primary key,
    epoch        bigint      not null,
    position     bigint      not null,
    ordinal      bigint      not null,
    image        bytea       not null,
    appended_at  timestamptz not null               -- by the log
) with (fillfactor = 80);

create table holding (
    person_id          uuid    not null,
    agreement          text    not null,
    release_no         bigint  not null,            -- 0: never released, only to be looked at again
    agreement_version  integer not null,
    member             boolean not null,
    content_hash       bytea,                       -- null: what the subscriber has is unknown
    next_review_on     date,
    primary key (person_id, agreement)
) with (fillfactor = 80);
create index holding_due on holding (next_review_on) where next_review_on is not null;

-- Insert only. The bytes are those of schemas/ledger.md.
create table ledger_entry (
    ref         text   not null,
    entry_id    uuid   not null,
    agreement   text   not null,
    mode        text   not null,
    release_no  bigint,                             -- none for answers to requests
    bytes       bytea  not null,
    salt        bytea  not null,
    primary key (ref, entry_id)
);
create unique index ledger_entry_release on ledger_entry (ref, mode, release_no) where release_no is not null;

create table delivery (
    ref                text        not null,
    mode               text        not null,
    release_no         bigint      not null,
    agreement          text        not null,
    person_id          uuid        not null,
    entry_id           uuid        not null,
    agreement_version  integer     not null,
    generation         integer     not null,
    event              text        not null check (event in ('entered', 'changed', 'left')),
    fields             text[]      not null,        -- as on the ledger
    payload            bytea,                       -- erased with the outcome
    -- Of the statement, not the transaction: within a person it follows the release number.
    authorised_at      timestamptz not null default clock_timestamp(),
    attempted_at       timestamptz,
    attempts           integer     not null default 0,
    retry_at           timestamptz not null default '-infinity',
    parked             text,                        -- why this person waits
    outcome            text        check (outcome in ('delivered', 'superseded', 'withdrawn')),
    settled_at         timestamptz,
    primary key (ref, mode, release_no),
    check ((outcome is null) = (settled_at is null)),
    check (outcome is null or payload is null)
) with (fillfactor = 70);
create index delivery_open on delivery (agreement, mode, authorised_at, ref) where settled_at is null;

create table consumer_position (
    group_id     text   not null,
    topic        text   not null,
    partition    integer not null,
    next_offset  bigint,                            -- none: from the beginning
    owner_epoch  bigint not null,
    primary key (group_id, topic, partition)
);

-- Who sends. A pair without lane of its own: ('*', 'review') for due holdings, (agreement, 'backfill').
create table lane (
    agreement   text        not null,
    mode        text        not null,
    owner       uuid,
    epoch       bigint      not null default 0,
    expires_at  timestamptz not null default '-infinity',
    primary key (agreement, mode)
);

create table business_day (
    singleton      boolean primary key default true check (singleton),
    business_date  date    not null
);

-- An agreement's comparison over all person states: after an activation, a change of state, the first business date.
create table backfill (
    agreement     text        primary key,
    version       integer     not null,
    generation    integer     not null,
    requested_at  timestamptz not null default clock_timestamp(),
    barrier       xid8,                             -- transactions that may have read the state before are below it
    cursor        uuid,                             -- the last person compared
    finished_at   timestamptz,
    completed_at  timestamptz                       -- the topic's generation has got its `complete`
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is insert only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger insert_only before update or delete or truncate on agreement_version
    for each statement execute function refuse_change();
create trigger insert_only before update or delete or truncate on agreement_field
    for each statement execute function refuse_change();
create trigger insert_only before update or delete or truncate on agreement_event
    for each statement execute function refuse_change();
create trigger insert_only before update or delete or truncate on ledger_entry
    for each statement execute function refuse_change();
