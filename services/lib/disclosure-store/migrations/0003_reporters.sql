-- Whether an agreement in force has an item, and whether it holds a person: for the reconciler, which answers error reports of those
-- who hold what they report about, and which sees neither holdings nor agreements.
create function may_report(agreement text, item text, person uuid)
returns table (has_item boolean, holds_person boolean)
language sql stable security definer set search_path = public, pg_temp as $$
    select
      exists (select from agreement_state s
        join agreement_field f on f.agreement = s.agreement and f.version = s.version
        where s.agreement = $1 and s.state = 'active' and (f.field = $2 or starts_with(f.field, $2 || '.'))),
      exists (select from holding h
        where h.person_id = $3 and h.agreement = $1 and h.member and h.release_no > 0)
$$;
revoke all on function may_report(text, text, uuid) from public;
