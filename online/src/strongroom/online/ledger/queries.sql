-- Statements of the ledger's store. Format: a header `-- name --`, one line that says why, one statement.

-- open_account --
-- Accounts are opened by a function of the owner; nobody has the right to insert.
select ledger.open_account(%(id)s, %(kind)s, %(asset)s, %(holder)s, %(statement)s) as result;

-- lock_accounts --
-- Several batches in one transaction take all their locks first, in key order, so that nobody waits in a circle.
select ledger.lock_accounts(%(accounts)s);

-- post_batch --
-- Posts and reserves, one outcome a row.
select n as ordinal, transfer, outcome::text as result, available::text as available
from ledger.post_batch(%(batch)s::jsonb)
order by n;

-- resolve_batch --
-- Settles and voids reservations, one outcome a row.
select n as ordinal, transfer, outcome::text as result, available::text as available
from ledger.resolve_batch(%(batch)s::jsonb)
order by n;

-- load_balance --
-- What one account holds now, from its own side.
select account, kind::text as kind, asset, holder, version,
  posted::text as posted, pending_out::text as pending_out, pending_in::text as pending_in
from ledger.accounts_now
where account = %(account)s;

-- load_balances --
-- Every account of one asset, for reconciliation account by account.
select account, kind::text as kind, asset, holder, version,
  posted::text as posted, pending_out::text as pending_out, pending_in::text as pending_in
from ledger.accounts_now
where asset = %(asset)s
order by account;

-- load_totals --
-- One asset added up by kind, for reconciliation against the chain.
select
  coalesce(sum(posted) filter (where kind = 'client'), 0)::text as clients,
  coalesce(sum(posted) filter (where kind = 'custody'), 0)::text as custody,
  coalesce(sum(posted) filter (where kind = 'house'), 0)::text as house,
  coalesce(sum(posted) filter (where kind = 'expense'), 0)::text as expense,
  coalesce(sum(posted) filter (where kind = 'suspense'), 0)::text as suspense,
  coalesce(sum(pending_out) filter (where kind = 'custody'), 0)::text as leaving,
  coalesce(sum(pending_in) filter (where kind = 'custody'), 0)::text as arriving
from ledger.accounts_now
where asset = %(asset)s;

-- load_transfer --
-- One transfer with what has become of it.
select transfer, kind, asset, debit_account, credit_account, units::text as units, statement, state, resolved_by
from ledger.transfers_now
where transfer = %(transfer)s;

-- find_reservation --
-- The pending one of a transfer and of those that took its place; a colon and chr(59) are neighbours.
select transfer from ledger.transfers_now
where (transfer = %(transfer)s or (transfer > %(transfer)s || ':' and transfer < %(transfer)s || chr(59)))
  and state = 'pending'
limit 1;

-- find_broken_account --
-- Adds up every account's entries again and names the first whose history or balance is not that sum.
with carried as (
  select e.account, e.version,
    e.version = lag(e.version, 1, 0) over w + 1
      and e.posted_before = lag(e.posted_after, 1, 0) over w
      and e.pending_debits_before = lag(e.pending_debits_after, 1, 0) over w
      and e.pending_credits_before = lag(e.pending_credits_after, 1, 0) over w as continues,
    case when e.step in ('post', 'settle') then case e.side when 'credit' then e.units else - e.units end else 0 end
      as posted,
    case when e.side = 'credit' or e.step = 'post' then 0 when e.step = 'reserve' then e.units else - e.units end
      as pending_debits,
    case when e.side = 'debit' or e.step = 'post' then 0 when e.step = 'reserve' then e.units else - e.units end
      as pending_credits
  from ledger.entries e
  window w as (partition by e.account order by e.version)
),
added as (
  select account, count(*) as version, bool_and(continues) as continues, sum(posted) as posted,
    sum(pending_debits) as pending_debits, sum(pending_credits) as pending_credits
  from carried group by account
)
select coalesce(a.id, s.account) as place,
  concat_ws('/', coalesce(s.version, 0), coalesce(s.posted, 0), coalesce(s.pending_debits, 0),
    coalesce(s.pending_credits, 0)) || case when s.continues is false then ' in one chain' else '' end as added_up,
  coalesce(concat_ws('/', b.version, b.posted, b.pending_debits, b.pending_credits), 'no balance') as kept
from ledger.accounts a
full join added s on s.account = a.id
left join ledger.balances b on b.account = coalesce(a.id, s.account)
where a.id is null or b.account is null or s.continues is false
  or (b.version, b.posted, b.pending_debits, b.pending_credits) is distinct from
    (coalesce(s.version, 0), coalesce(s.posted, 0), coalesce(s.pending_debits, 0), coalesce(s.pending_credits, 0))
order by 1
limit 1;

-- find_broken_transfer --
-- Names the first transfer whose steps are not each one debit and one credit of what it says.
with expected as (
  select t.id as transfer, case t.phase when 'posted' then 'post' else 'reserve' end::ledger.step as step,
    t.debit_account, t.credit_account, t.units
  from ledger.transfers t
  union all
  select t.id, case r.outcome when 'posted' then 'settle' else 'void' end::ledger.step,
    t.debit_account, t.credit_account, t.units
  from ledger.resolutions r join ledger.transfers t on t.id = r.transfer
),
found as (
  select transfer, step, count(*) as legs,
    max(account) filter (where side = 'debit') as debit_account,
    max(account) filter (where side = 'credit') as credit_account,
    min(units) as smallest, max(units) as largest
  from ledger.entries group by transfer, step
)
select coalesce(x.transfer, f.transfer)::text as place,
  coalesce(concat_ws(' ', x.step, x.debit_account, x.credit_account, x.units), 'no such step') as added_up,
  coalesce(concat_ws(' ', f.step, f.debit_account, f.credit_account, f.smallest, f.largest, f.legs), 'no entries')
    as kept
from expected x
full join found f on f.transfer = x.transfer and f.step = x.step
where (f.legs = 2 and f.debit_account = x.debit_account and f.credit_account = x.credit_account
  and f.smallest = x.units and f.largest = x.units) is not true
order by 1
limit 1;

-- find_unbalanced_asset --
-- All accounts of an asset add up to nothing, and what is pending on one side is pending on the other.
select a.asset as place, '0/0' as added_up,
  concat_ws('/', sum(b.posted), sum(b.pending_debits - b.pending_credits)) as kept
from ledger.accounts a join ledger.balances b on b.account = a.id
group by a.asset
having sum(b.posted) <> 0 or sum(b.pending_debits - b.pending_credits) <> 0
order by 1
limit 1;
