-- A statement's id covers its payload, not its signatures. Whoever may append could put a copy with fewer signatures
-- into the log first, and the whole one that came later would have been answered with the copy's place as if it were
-- in the log. The same id with other bytes is refused:
--   SR005  the log holds this statement under other signatures
-- Who signs again signs a new statement, since its time is another.

create or replace function evidence.append(
  p_statement text, p_kind text, p_issuer text, p_issued_at timestamptz, p_leaf bytea
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  present evidence.entries;
  place bigint;
begin
  -- The same statement again is the same place: a step that is repeated after a crash appends nothing.
  select * into present from evidence.entries where statement = p_statement;
  if not found then
    select size into place from evidence.tail for update;
    -- Another writer may have appended it while this one waited for the tail.
    select * into present from evidence.entries where statement = p_statement;
  end if;
  if not found then
    insert into evidence.entries (idx, statement, kind, issuer, issued_at, leaf)
    values (place, p_statement, p_kind, p_issuer, p_issued_at, p_leaf);
    update evidence.tail set size = place + 1;
    return place;
  end if;
  if present.leaf <> p_leaf then
    raise exception 'entry % of the log is this statement under other signatures', present.idx
      using errcode = 'SR005', table = 'evidence.entries';
  end if;
  return present.idx;
end $$;
