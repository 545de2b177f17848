-- What approval devices ask over the network: their packages, and an answer handed in. The host that serves them logs in
-- as a role of its own that owns nothing and reads no table; these functions are all that it can do.

create schema approvals;

-- Every request that was let in, as long as its like could still be fresh. at: as the device signed it.
create table approvals.requests (
  device text not null,
  nonce bytea not null,
  at timestamptz not null,
  admitted_at timestamptz not null default now(),
  primary key (device, nonce)
);
create index requests_by_time on approvals.requests (device, admitted_at);

-- Packages that came over the network and wait for the intake, which reads them as it reads a courier's files.
create table custody.packages_brought (
  device text not null,
  digest text not null,
  raw bytea not null,
  brought_at timestamptz not null default now(),
  primary key (device, digest)
);
grant select, delete on custody.packages_brought to strongroom_platform;

create function jobs.on_brought() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('platform.inbox');
  return null;
end $$;
revoke execute on function jobs.on_brought() from public;
create trigger wake_on_insert after insert on custody.packages_brought
  for each row execute function jobs.on_brought();

-- Once, and not too often: `fresh`, `replayed` or `too many`. p_oldest: what is signed before this is refused anyway.
create function approvals.admit(p_device text, p_nonce bytea, p_at timestamptz, p_oldest timestamptz, p_most integer)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- Two requests of one device at once would each see the other's place as free.
  perform pg_advisory_xact_lock(hashtextextended('approvals ' || p_device, 0));
  delete from approvals.requests r
  where r.device = p_device and r.at < p_oldest and r.admitted_at < now() - interval '1 minute';
  if exists (select from approvals.requests r where r.device = p_device and r.nonce = p_nonce) then
    return 'replayed';
  end if;
  if (select count(*) from approvals.requests r
      where r.device = p_device and r.admitted_at > now() - interval '1 minute') >= p_most then
    return 'too many';
  end if;
  insert into approvals.requests (device, nonce, at) values (p_device, p_nonce, p_at);
  return 'fresh';
end $$;

-- Roots and rosters from a place of the log on: who a device is.
create function approvals.governance(p_from bigint) returns table (idx bigint, kind text, leaf bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select e.idx, e.kind, e.leaf from evidence.entries e
  where e.kind in ('root', 'roster') and e.idx >= p_from order by e.idx
$$;

-- A device's packages after a number, in order: as many as fit into so many bytes, but one at least. remaining: how many
-- there are from this one on.
create function approvals.packages(p_device text, p_after bigint, p_bytes bigint)
returns table (raw bytea, remaining bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select w.raw, w.remaining from (
    select p.raw, p.sequence, count(*) over () - row_number() over by_number + 1 as remaining,
      sum(length(p.raw)) over by_number as bytes, row_number() over by_number as place
    from custody.packages_out p join custody.devices d on d.id = p.device
    where p.device = p_device and d.kind = 'approval-device' and p.sequence > p_after
    window by_number as (order by p.sequence)
  ) w where w.bytes <= p_bytes or w.place = 1 order by w.sequence
$$;

-- Hands a package to the intake, once; gives what became of it, `waiting` until then.
create function approvals.bring(p_device text, p_digest text, p_raw bytea) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  known text;
begin
  select i.outcome into known from custody.packages_in i where i.device = p_device and i.digest = p_digest;
  if found then
    return known;
  end if;
  insert into custody.packages_brought (device, digest, raw) values (p_device, p_digest, p_raw)
  on conflict (device, digest) do nothing;
  return 'waiting';
end $$;

revoke execute on all functions in schema approvals from public;
grant usage on schema approvals to strongroom_approvals;
grant execute on all functions in schema approvals to strongroom_approvals;
