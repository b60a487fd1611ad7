-- The first load fills record_latest by its primary key alone. Its other indexes are made when all records are there: each
-- sorted at once, instead of every entry at a random place of four trees. A registry that has begun its first load keeps them.
do $$ begin
  if (select stage = 'keep' from load_state) and not exists (select from record_latest) then
    drop index record_latest_pin, record_latest_source_key, record_latest_relation_group, record_latest_anchor;
  end if;
end $$;

-- Run by the reconciler, whose role owns nothing: it may have these indexes made and no others.
create function index_record_latest() returns void language sql security definer set search_path = public, pg_temp as $$
  create index if not exists record_latest_pin on record_latest (pin) where pin is not null;
  create index if not exists record_latest_source_key on record_latest (source_key) where source_key is not null;
  create index if not exists record_latest_relation_group on record_latest (relation_group)
    where relation_group is not null;
  create index if not exists record_latest_anchor on record_latest (anchor) where anchor is not null;
$$;
revoke execute on function index_record_latest() from public;
