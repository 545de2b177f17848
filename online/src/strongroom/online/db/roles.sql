-- The roles of a cluster. Idempotent: roles belong to the cluster, not to one database, and are shared by all of ours.
-- Passwords are set from outside (roles.py); a role without one cannot log in under scram.
do $$
declare
  name text;
begin
  -- Owns every schema and table. Nobody logs in as it; migrations step into it.
  if not exists (select from pg_roles where rolname = 'strongroom_owner') then
    create role strongroom_owner nologin;
  end if;
  -- platform: withdrawals. watcher: deposits and the chain. reconciler: reads, and signs that all is matched.
  -- assigner: says whose an address is, from a host of its own, and nothing else.
  -- approvals: serves approval devices; it calls a few functions and reads no table.
  foreach name in array array[
    'strongroom_platform', 'strongroom_watcher', 'strongroom_reconciler', 'strongroom_ledger_reader',
    'strongroom_assigner', 'strongroom_approvals'
  ] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication', name);
    end if;
  end loop;
end $$;

grant strongroom_ledger_reader to strongroom_platform, strongroom_watcher, strongroom_reconciler;
-- The migrator steps into the owner; PostgreSQL 16 and later wants that said even of who created the role.
grant strongroom_owner to current_user;
