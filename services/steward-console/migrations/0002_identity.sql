-- Decisions about who a record belongs to; proposals that wait for a second steward; who has a case on the desk.

-- Captured as entity identity_decision of source 'steward': exactly what travels, so neither reason nor actor is here.
create table console.identity_decision (
    decision_id uuid primary key,
    -- None for a decision that only takes another one back.
    ruling text check (ruling in ('link', 'split', 'merge', 'keep_separate', 'confirm_twins', 'mark_confusion',
        'send_back', 'under_investigation')),
    -- Each record with the anchor that it had before the steward's eyes.
    record text,
    anchor text,
    other_record text,
    other_anchor text,
    -- A code, never a text of the steward's own: it goes to the source's answers, where no value of another record may stand.
    question text check (question in ('check_value', 'check_person', 'check_number', 'two_people', 'missing_act')),
    -- JSON in ASCII: every (record_key, keyed hash of what it says of who it is about) that the steward saw.
    considered text not null,
    reverses uuid references console.identity_decision (decision_id),
    decided_at timestamptz not null,
    check (num_nonnulls(ruling, record, anchor) in (0, 3)),
    check (num_nonnulls(other_record, other_anchor) in (0, 2)),
    check (ruling is not null or reverses is not null),
    check (coalesce(ruling in ('link', 'merge', 'keep_separate', 'confirm_twins'), false) = (other_record is not null)),
    check (coalesce(ruling = 'send_back', false) = (question is not null))
);
alter table console.identity_decision replica identity full;
alter publication dansync add table console.identity_decision;

-- A decision is taken back once; the taking back may itself be taken back.
create unique index decision_taken_back_once on console.decision (reverses) where reverses is not null;
create unique index identity_decision_taken_back_once on console.identity_decision (reverses)
    where reverses is not null;

-- One chain a case, whatever kind its decisions are of.
alter table console.case_decision
    alter column decision_id drop not null,
    add column identity_decision_id uuid unique references console.identity_decision (decision_id),
    add constraint one_decision check (num_nonnulls(decision_id, identity_decision_id) = 1);

-- What moves persons waits here until another steward agrees. Not captured.
create table console.proposal (
    proposal_id uuid primary key,
    case_id text not null,
    follows uuid not null,
    seen text not null,
    ruling text,
    record text,
    anchor text,
    other_record text,
    other_anchor text,
    considered text not null,
    reverses uuid references console.identity_decision (decision_id),
    reason text not null,
    proposed_by text not null,
    proposed_at timestamptz not null,
    unique (proposal_id, proposed_by)
);
create index proposal_of_case on console.proposal (case_id, proposed_at);

-- A proposal ends once; never is it approved by the one who made it.
create table console.proposal_outcome (
    proposal_id uuid primary key,
    proposed_by text not null,
    outcome text not null check (outcome in ('approved', 'withdrawn', 'rejected')),
    ended_by text not null,
    ended_at timestamptz not null,
    foreign key (proposal_id, proposed_by) references console.proposal (proposal_id, proposed_by),
    check (outcome <> 'approved' or ended_by <> proposed_by),
    check (outcome <> 'withdrawn' or ended_by = proposed_by)
);

create table console.case_claim (
    case_id text primary key,
    claimed_by text not null references console.steward_user (name) on delete cascade,
    claimed_at timestamptz not null
);

alter table console.audit
    add column identity_decision_id uuid references console.identity_decision (decision_id),
    add column proposal_id uuid references console.proposal (proposal_id);
create index audit_of_decision on console.audit (decision_id) where decision_id is not null;
create index audit_of_identity_decision on console.audit (identity_decision_id) where identity_decision_id is not null;

create trigger insert_only before update or delete on console.identity_decision
    for each row execute function console.refuse_change();
create trigger insert_only before update or delete on console.proposal
    for each row execute function console.refuse_change();
create trigger insert_only before update or delete on console.proposal_outcome
    for each row execute function console.refuse_change();
create trigger never_emptied before truncate on console.identity_decision
    for each statement execute function console.refuse_change();
create trigger never_emptied before truncate on console.proposal
    for each statement execute function console.refuse_change();
create trigger never_emptied before truncate on console.proposal_outcome
    for each statement execute function console.refuse_change();
