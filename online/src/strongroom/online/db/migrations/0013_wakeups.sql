-- Who is woken by what: a change of state and the job that follows it are one transaction, so that no kill parts them.
--
-- Every trigger here only inserts jobs. It waits for no lock, refuses nothing, and says nothing that the task believes:
-- the task loads the state itself. What these do not foresee is found by each queue's sweep (online/jobs/queries.sql).

-- Wakes a task of any queue. The only way into another program's queue; a job carries the subject's id and no more.
create function jobs.wake(p_task text, p_subject text default '') returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into jobs.procrastinate_jobs (queue_name, task_name, lock, args)
  values (split_part(p_task, '.', 1), p_task, p_task || ':' || p_subject, jsonb_build_object('subject', p_subject))
$$;

-- Jobs whose worker gives no sign of life any more go back into their queue, and somebody is told at once.
create function jobs.take_over(p_queue text, p_seconds double precision) returns table (task text, subject text)
language plpgsql set search_path = jobs, pg_catalog, pg_temp as $$
begin
  return query update jobs.procrastinate_jobs j
    set status = 'todo', attempts = j.attempts + 1, scheduled_at = null, worker_id = null, abort_requested = false
    where j.status = 'doing' and j.queue_name = p_queue and not exists (
      select from jobs.procrastinate_workers w
      where w.id = j.worker_id and w.last_heartbeat >= now() - make_interval(secs => p_seconds))
    returning j.task_name::text, j.args ->> 'subject';
  if found then
    perform pg_notify('procrastinate_queue_v1#' || p_queue, json_build_object('type', 'job_inserted', 'job_id', 0)::text);
  end if;
end $$;

create function jobs.on_instruction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.state = 'SUBMITTED' then
    perform jobs.wake('platform.decide');
  elsif new.state = 'SCREENING' then
    perform jobs.wake('platform.propose', new.chain || ' ' || new.wallet);
  end if;
  return null;
end $$;
create trigger wake_on_insert after insert on transfers.instructions
  for each row execute function jobs.on_instruction();
create trigger wake_on_state after update on transfers.instructions
  for each row when (old.state is distinct from new.state) execute function jobs.on_instruction();

create function jobs.on_docket() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('platform.docket', new.proposal);
  return null;
end $$;
create trigger wake_on_insert after insert on transfers.dockets for each row execute function jobs.on_docket();
create trigger wake_on_state after update on transfers.dockets
  for each row when (old.state is distinct from new.state) execute function jobs.on_docket();
create trigger wake_on_insert after insert on transfers.docket_statements
  for each row execute function jobs.on_docket();

create function jobs.on_session() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.clear is not null and not new.exported then
    perform jobs.wake('platform.session', new.nonce);
  elsif new.clear is null and new.clear_payload is not null then
    perform jobs.wake('watcher.countersign');
  elsif new.clear is null then
    perform jobs.wake('reconciler.clear');
  end if;
  return null;
end $$;
create trigger wake_on_insert after insert on transfers.sessions for each row execute function jobs.on_session();
create trigger wake_on_update after update on transfers.sessions
  for each row when (old.clear is distinct from new.clear or old.clear_payload is distinct from new.clear_payload)
  execute function jobs.on_session();

create function jobs.on_package() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('platform.outbox');
  return null;
end $$;
create trigger wake_on_insert after insert on custody.packages_out for each row execute function jobs.on_package();

create function jobs.on_device() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('platform.updates');
  return null;
end $$;
create trigger wake_on_insert after insert on custody.devices for each row execute function jobs.on_device();

create function jobs.on_log_entry() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('platform.checkpoint');
  if new.kind = 'freeze-lift' then
    perform jobs.wake('platform.decide'), jobs.wake('reconciler.clear'), jobs.wake('watcher.countersign');
  end if;
  return null;
end $$;
create trigger wake_on_insert after insert on evidence.entries for each row execute function jobs.on_log_entry();

create function jobs.on_checkpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform jobs.wake('watcher.witness');
  return null;
end $$;
create trigger wake_on_insert after insert on evidence.checkpoints
  for each row execute function jobs.on_checkpoint();

-- What was waiting for the witness: dockets and sessions whose statements this checkpoint is the first to cover, and news
-- for devices.
create index docket_statements_by_statement on transfers.docket_statements (statement);
create index sessions_open on transfers.sessions (clear) where not exported;
create function jobs.on_witnessed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  known bigint := coalesce(
    (select max(c.size) from evidence.checkpoints c where c.witnessed is not null and c.size < new.size), 0);
begin
  perform jobs.wake('platform.docket', fresh.proposal) from (
    select distinct d.proposal from evidence.entries e join transfers.docket_statements d on d.statement = e.statement
    where e.idx >= known and e.idx < new.size) fresh;
  perform jobs.wake('platform.session', s.nonce)
    from evidence.entries e join transfers.sessions s on s.clear = e.statement and not s.exported
    where e.idx >= known and e.idx < new.size;
  if exists (select from evidence.entries e where e.idx >= known and e.idx < new.size
      and e.kind in ('root', 'roster', 'policy', 'register', 'freeze', 'freeze-lift')) then
    perform jobs.wake('platform.updates');
  end if;
  return null;
end $$;
create trigger wake_on_witness after update on evidence.checkpoints
  for each row when (old.witnessed is null and new.witnessed is not null) execute function jobs.on_witnessed();

-- A block was reconciled, for the first time or because it came back into the chain: deposits may be deep enough, settlements due, clears and decisions possible.
create function jobs.on_run() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- What left the chain in a reorganisation is taken back by the same task.
  if exists (select from watch.deposits d where d.chain = new.chain
        and (d.state = 'SEEN' or (d.state = 'CREDITED' and d.reorganisation is not null)))
      or exists (select from watch.outflows o where o.chain = new.chain and o.reorganisation is not null) then
    perform jobs.wake('platform.credit', new.chain);
  end if;
  if exists (select from transfers.dockets d where d.chain = new.chain and d.state = 'CONFIRMING') then
    perform jobs.wake('watcher.settle', new.chain);
  end if;
  if exists (select from transfers.instructions i where i.state = 'SUBMITTED') then
    perform jobs.wake('platform.decide');
  end if;
  if exists (select from transfers.sessions s where s.clear is null and not s.exported) then
    perform jobs.wake('reconciler.clear'), jobs.wake('watcher.countersign');
  end if;
  perform jobs.wake('platform.docket', d.proposal) from transfers.dockets d
    where d.chain = new.chain and d.state = 'COMPLETED';
  return null;
end $$;
create trigger wake_on_run after insert or update on watch.runs for each row execute function jobs.on_run();

-- Which platform works on this database: one organization's root and, for each program, one home. A second worker of the
-- same home is welcome; another home or another root is refused and told who is here since when.
create table jobs.holders (
  program text primary key check (program in ('platform', 'reconciler', 'watcher')),
  root text not null,
  home text not null,                      -- the id in the home's own file, not its path
  host text not null,
  pid integer not null,
  since timestamptz not null default now(),
  seen_at timestamptz not null default now()
);

-- Claims the caller's own program, or gives the holder that is in the way. Who calls is the login, never an argument.
create function jobs.claim(p_root text, p_home text, p_host text, p_pid integer) returns setof jobs.holders
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine constant text := substr(session_user, length('strongroom_') + 1);
begin
  perform pg_advisory_xact_lock(hashtextextended('jobs.holders', 0));
  return query select * from jobs.holders h
    where h.root <> p_root or (h.program = mine and h.home <> p_home) order by h.program = mine desc limit 1;
  if found then
    return;
  end if;
  insert into jobs.holders as h (program, root, home, host, pid) values (mine, p_root, p_home, p_host, p_pid)
  on conflict (program) do update set host = p_host, pid = p_pid, seen_at = now();
end $$;

-- A sign of life of whoever holds; false when somebody else holds by now.
create function jobs.renew(p_root text, p_home text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update jobs.holders set seen_at = now()
  where program = substr(session_user, length('strongroom_') + 1) and root = p_root and home = p_home;
  return found;
end $$;

-- Takes over from a holder that a person named and that gave no sign of life for so long. Gives the holder as it is then.
create function jobs.take_from(
  p_from text, p_root text, p_home text, p_host text, p_pid integer, p_seconds double precision
) returns setof jobs.holders
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('jobs.holders', 0));
  update jobs.holders set root = p_root, home = p_home, host = p_host, pid = p_pid, since = now(), seen_at = now()
  where program = substr(session_user, length('strongroom_') + 1) and home = p_from
    and seen_at < now() - make_interval(secs => p_seconds);
  return query select * from jobs.holders where program = substr(session_user, length('strongroom_') + 1);
end $$;

do $$
declare
  routine regprocedure;
begin
  for routine in select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'jobs'::regnamespace and p.proname !~ '^procrastinate' loop
    execute format('revoke execute on function %s from public', routine);
  end loop;
end $$;
grant select on jobs.holders to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant execute on function jobs.wake(text, text), jobs.take_over(text, double precision), jobs.renew(text, text),
  jobs.claim(text, text, text, integer), jobs.take_from(text, text, text, text, integer, double precision)
  to strongroom_platform, strongroom_watcher, strongroom_reconciler;
