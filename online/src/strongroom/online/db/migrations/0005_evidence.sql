-- The log's tables: every statement in order, and the checkpoints over them. Everything else in this database is a view of
-- this, or can be checked against it.

create schema evidence;

-- The leaf is the canonical JSON of the DSSE envelope; its place never changes.
create table evidence.entries (
  idx bigint primary key check (idx >= 0),
  statement ledger.statement_id not null unique,
  kind text not null,
  issuer text not null,
  issued_at timestamptz not null,
  leaf bytea not null,
  logged_at timestamptz not null default now()
);
create index entries_by_kind on evidence.entries (kind, idx);

-- One row, locked by whoever appends: places are given out one by one, without holes.
create table evidence.tail (one boolean primary key default true check (one), size bigint not null);
insert into evidence.tail (size) values (0);

-- signed: by the log's key. witnessed: with the witness's cosignature, once the witness saw that the log only grew.
create table evidence.checkpoints (
  size bigint primary key check (size > 0),
  signed text not null,
  witnessed text,
  created_at timestamptz not null default now()
);

create function evidence.append(
  p_statement text, p_kind text, p_issuer text, p_issued_at timestamptz, p_leaf bytea
) returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  place bigint;
begin
  -- The same statement again is the same place: a step that is repeated after a crash appends nothing.
  select idx into place from evidence.entries where statement = p_statement;
  if found then
    return place;
  end if;
  select size into place from evidence.tail for update;
  -- Another writer may have appended it while this one waited for the tail.
  perform 1 from evidence.entries where statement = p_statement;
  if found then
    return (select idx from evidence.entries where statement = p_statement);
  end if;
  insert into evidence.entries (idx, statement, kind, issuer, issued_at, leaf)
  values (place, p_statement, p_kind, p_issuer, p_issued_at, p_leaf);
  update evidence.tail set size = place + 1;
  return place;
end $$;

create function evidence.sign_checkpoint(p_size bigint, p_signed text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into evidence.checkpoints (size, signed) values (p_size, p_signed) on conflict (size) do nothing
$$;

create function evidence.witness_checkpoint(p_size bigint, p_witnessed text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update evidence.checkpoints set witnessed = p_witnessed where size = p_size and witnessed is null
$$;

create function evidence.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the log is only ever added to' using errcode = 'SR003';
end $$;
create trigger entries_append_only before update or delete on evidence.entries
  for each row execute function evidence.refuse_change();
create trigger entries_no_truncate before truncate on evidence.entries
  for each statement execute function evidence.refuse_change();
create trigger checkpoints_no_delete before delete on evidence.checkpoints
  for each row execute function evidence.refuse_change();

revoke execute on all functions in schema evidence from public;
grant usage on schema evidence to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant select on all tables in schema evidence to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant execute on function evidence.append(text, text, text, timestamptz, bytea)
  to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant execute on function evidence.sign_checkpoint(bigint, text) to strongroom_platform;
grant execute on function evidence.witness_checkpoint(bigint, text) to strongroom_watcher;
