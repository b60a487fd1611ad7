-- How many agreements hold an item of persons: for the stewards' desk, whose cases weigh by it and which sees neither holdings
-- nor agreements. Questions are told apart by `question`; a question without an item asks about the person at all. An agreement
-- that holds two of a question's persons counts once.
create function holders_of(question integer[], person uuid[], item text[])
returns table (question integer, agreements bigint)
language sql stable security definer set search_path = public, pg_temp as $$
    select q.n, count(distinct h.agreement)
    from unnest($1, $2, $3) as q (n, person, item)
    left join holding h on h.person_id = q.person and h.member and h.release_no > 0 and (q.item is null or exists (
        select from agreement_field f where f.agreement = h.agreement and f.version = h.agreement_version
          and (f.field = q.item or starts_with(f.field, q.item || '.'))))
    group by q.n
$$;
revoke all on function holders_of(integer[], uuid[], text[]) from public;
