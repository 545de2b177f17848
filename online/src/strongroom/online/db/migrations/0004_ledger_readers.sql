-- How the ledger is read, and who may do what with it.

-- Every account seen from its own side: what a client is owed and what a wallet holds are both positive.
create view ledger.accounts_now as
select a.id as account, a.kind, a.asset, a.holder, b.version,
  n.sign * b.posted as posted,
  case n.sign when 1 then b.pending_debits else b.pending_credits end as pending_out,
  case n.sign when 1 then b.pending_credits else b.pending_debits end as pending_in
from ledger.accounts a
join ledger.balances b on b.account = a.id
cross join lateral (select case when a.kind in ('client', 'house') then 1 else -1 end as sign) n;

-- Every transfer with what has become of it.
create view ledger.transfers_now as
select t.id as transfer, t.kind, t.asset, t.debit_account, t.credit_account, t.units, t.statement,
  case when t.phase = 'posted' then 'posted' else coalesce(r.outcome::text, 'pending') end as state,
  r.statement as resolved_by, t.event_at, r.event_at as resolved_at, t.created_at
from ledger.transfers t
left join ledger.resolutions r on r.transfer = t.id;

grant usage on schema ledger to strongroom_ledger_reader;
grant select on all tables in schema ledger to strongroom_ledger_reader;
revoke execute on all functions in schema ledger from public;

-- Deposits and what the chain shows are posted by the watcher; withdrawals are reserved, settled and voided by the
-- platform. Both read through their membership in strongroom_ledger_reader (db/roles.sql); nobody writes a table.
grant execute on function ledger.open_account(text, text, text, text, text) to strongroom_platform;
grant execute on function ledger.lock_accounts(text[]) to strongroom_platform, strongroom_watcher;
grant execute on function ledger.post_batch(jsonb) to strongroom_platform, strongroom_watcher;
grant execute on function ledger.resolve_batch(jsonb) to strongroom_platform;
