-- Statements of the prover's store; all of them only read. Format: a header `-- name --`, one line that says why, one statement.

-- begin_snapshot --
-- Log and ledger are read as of one moment: a posting meanwhile is in both or in neither.
set transaction isolation level repeatable read read only;

-- load_entries --
-- The next entries of the log, a page of them.
select idx, statement, kind, leaf from evidence.entries where idx >= %(size)s order by idx limit %(most)s;

-- load_checkpoints --
-- Witnessed checkpoints that were not verified here yet.
select size, witnessed as note from evidence.checkpoints where size > %(size)s and witnessed is not null order by size;

-- load_log_digests --
-- The log again, in runs of entries: whoever rewrote one that was read before is found.
select idx / %(run)s as run, count(*) as n,
  sha256(string_agg(
    sha256(convert_to(statement || ' ' || kind || ' ', 'UTF8') || sha256('\x00'::bytea || leaf)), ''::bytea
    order by idx)) as digest
from evidence.entries
group by 1
order by 1;

-- load_run --
-- The entries of one run, to name the first that is another.
select idx, statement, kind, leaf from evidence.entries
where idx >= %(first)s and idx < %(end)s
order by idx;

-- load_register_entries --
-- Every version of the registers that decide on accounts.
select register, entry, added_in, removed_in from custody.register_entries
where register = any(%(registers)s)
order by register, id, added_in;

-- load_rows --
-- Transfers that a statement justifies, as they are.
select id, phase::text as phase, kind, statement, debit_account as debit, credit_account as credit, asset,
  units::text as units
from ledger.transfers where id = any(%(ids)s);

-- load_ends --
-- Ends that a statement justifies, as they are.
select transfer, outcome::text as outcome, statement from ledger.resolutions where transfer = any(%(ids)s);

-- load_row_digests --
-- All transfers with their ends, in groups by the first byte of each one's digest.
with digests as (
  select sha256(convert_to(row(t.id, t.phase, t.kind, t.statement, t.debit_account, t.credit_account, t.asset, t.units,
    r.outcome, r.statement)::text, 'UTF8')) as digest
  from ledger.transfers t left join ledger.resolutions r on r.transfer = t.id
)
select get_byte(digest, 0) as bucket, sha256(string_agg(digest, ''::bytea order by digest)) as digest
from digests
group by 1;

-- load_rows_of_buckets --
-- The transfers of groups that differ.
select t.id, t.phase::text as phase, t.kind, t.statement, t.debit_account as debit, t.credit_account as credit,
  t.asset, t.units::text as units, r.outcome::text as outcome, r.statement as ended_by
from ledger.transfers t left join ledger.resolutions r on r.transfer = t.id
where get_byte(sha256(convert_to(row(t.id, t.phase, t.kind, t.statement, t.debit_account, t.credit_account, t.asset,
  t.units, r.outcome, r.statement)::text, 'UTF8')), 0) = any(%(buckets)s)
order by t.id;

-- load_stray_ends --
-- Ends of transfers that are not there.
select r.transfer, r.outcome::text as outcome, r.statement from ledger.resolutions r
where not exists (select from ledger.transfers t where t.id = r.transfer)
order by 1;

-- load_balances --
-- Every account with its balance; an account without one counts as empty.
select coalesce(a.id, b.account) as id, a.kind::text as kind, a.asset, a.holder, a.statement, coalesce(b.posted, 0)::text as posted,
  coalesce(b.pending_debits, 0)::text as pending_debits, coalesce(b.pending_credits, 0)::text as pending_credits,
  coalesce(b.version, 0) as version
from ledger.accounts a full join ledger.balances b on b.account = a.id
order by 1;

-- load_entry_sums --
-- Every account's entries added up.
select account as id,
  sum(case when step in ('post', 'settle') then case side when 'credit' then units else - units end else 0 end)::text
    as posted,
  sum(case when side = 'credit' or step = 'post' then 0 when step = 'reserve' then units else - units end)::text
    as pending_debits,
  sum(case when side = 'debit' or step = 'post' then 0 when step = 'reserve' then units else - units end)::text
    as pending_credits,
  count(*) as version
from ledger.entries
group by account
order by account;
