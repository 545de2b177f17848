-- The rules between rows, kept by triggers for every writer, the owner of the tables included.

-- Nothing that was recorded is changed or taken away.
create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '% of ledger.% is refused: the ledger is only ever added to', lower(tg_op), tg_table_name
    using errcode = 'SR003', table = tg_table_name;
end $$;

create trigger accounts_append_only before update or delete or truncate on ledger.accounts
  for each statement execute function ledger.refuse_change();
create trigger transfers_append_only before update or delete or truncate on ledger.transfers
  for each statement execute function ledger.refuse_change();
create trigger resolutions_append_only before update or delete or truncate on ledger.resolutions
  for each statement execute function ledger.refuse_change();
create trigger entries_append_only before update or delete or truncate on ledger.entries
  for each statement execute function ledger.refuse_change();
create trigger balances_never_removed before delete or truncate on ledger.balances
  for each statement execute function ledger.refuse_change();
-- Depth 0 is a statement of somebody's own; the triggers below write balances at depth 1.
create trigger balances_follow_entries before insert or update on ledger.balances
  for each statement when (pg_trigger_depth() = 0) execute function ledger.refuse_change();

-- Every account has its balance from the start, so that there is always a row to lock.
create function ledger.add_balances() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into ledger.balances (account, guarded) select id, guarded from opened;
  return null;
end $$;
create trigger accounts_have_balances after insert on ledger.accounts
  referencing new table as opened for each statement execute function ledger.add_balances();

-- A transfer or a resolution is written in the same statement as its entries: one without the other is refused.
create function ledger.check_recorded() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  bare text;
begin
  if tg_table_name = 'transfers' then
    select f.id into bare from fresh f where not exists (
      select from ledger.entries e
      where e.transfer = f.id and e.step = case f.phase when 'posted' then 'post'::ledger.step else 'reserve' end)
    limit 1;
  else
    select f.transfer into bare from fresh f where not exists (
      select from ledger.entries e
      where e.transfer = f.transfer
        and e.step = case f.outcome when 'posted' then 'settle'::ledger.step else 'void' end)
    limit 1;
  end if;
  if bare is not null then
    raise exception 'transfer % has no entries for this step', bare using errcode = 'SR002', table = tg_table_name;
  end if;
  return null;
end $$;
create trigger transfers_have_entries after insert on ledger.transfers
  referencing new table as fresh for each statement execute function ledger.check_recorded();
create trigger resolutions_have_entries after insert on ledger.resolutions
  referencing new table as fresh for each statement execute function ledger.check_recorded();

-- Entries are balanced, continue each account's history, and carry its balance forward; here and nowhere else does a
-- balance change. One pass for all rows of the statement. The settings make the joins go through the keys of the big
-- tables: a plan is kept, and one made while the tables were small must not read them whole later.
create function ledger.carry_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  bad text;
begin
  select p.transfer into bad
  from (
    select transfer, step, count(*) as legs, min(units) as smallest, max(units) as largest,
      max(account) filter (where side = 'debit') as debit, max(account) filter (where side = 'credit') as credit
    from fresh group by transfer, step
  ) p
  left join ledger.transfers t on t.id = p.transfer
  left join ledger.resolutions r on r.transfer = p.transfer
  where (
    p.legs = 2 and p.debit = t.debit_account and p.credit = t.credit_account
    and p.smallest = t.units and p.largest = t.units
    and case p.step
      when 'post' then t.phase = 'posted'
      when 'reserve' then t.phase = 'pending'
      when 'settle' then t.phase = 'pending' and r.outcome = 'posted'
      when 'void' then t.phase = 'pending' and r.outcome = 'void' end
  ) is not true
  limit 1;
  if bad is not null then
    raise exception 'transfer % is not one debit and one credit of what it names', bad
      using errcode = 'SR002', table = 'entries';
  end if;

  select c.account into bad
  from (
    select f.account, f.version, f.posted_before, f.pending_debits_before, f.pending_credits_before,
      coalesce(lag(f.version) over w, b.version) as last_version,
      coalesce(lag(f.posted_after) over w, b.posted) as last_posted,
      coalesce(lag(f.pending_debits_after) over w, b.pending_debits) as last_pending_debits,
      coalesce(lag(f.pending_credits_after) over w, b.pending_credits) as last_pending_credits
    from fresh f left join ledger.balances b on b.account = f.account
    window w as (partition by f.account order by f.version)
  ) c
  where (
    c.version = c.last_version + 1 and c.posted_before = c.last_posted
    and c.pending_debits_before = c.last_pending_debits and c.pending_credits_before = c.last_pending_credits
  ) is not true
  limit 1;
  if bad is not null then
    raise exception 'the entries of account % do not continue its history', bad
      using errcode = 'SR004', table = 'entries';
  end if;

  -- Two writers who both looked before either wrote would give the same version twice, which the primary key refuses.
  update ledger.balances b
  set version = l.version, posted = l.posted_after,
    pending_debits = l.pending_debits_after, pending_credits = l.pending_credits_after
  from (
    select distinct on (account) account, version, posted_after, pending_debits_after, pending_credits_after
    from fresh order by account, version desc
  ) l
  where b.account = l.account;
  return null;
end $$;
create trigger entries_carry_forward after insert on ledger.entries
  referencing new table as fresh for each statement execute function ledger.carry_forward();
