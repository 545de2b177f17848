-- Statements of the deposit's store. Format: a header `-- name --`, one line that says why, one statement.

-- load_confirmed --
-- Deposits that are somebody's and deep enough; none at an address with code, which may send on all that comes in.
select chain, txid, output, address, wallet, account, asset, units::text as units, height, block_hash
from watch.deposits
where chain = %(chain)s and state = 'SEEN' and reorganisation is null and account <> 'none' and height <= %(height)s
  and not exists (select from watch.alerts
    where code = 'COLD_ADDRESS_HAS_CODE' and subject = watch.deposits.address and closed_at is null)
order by height, txid, output;

-- lock_confirmed --
-- One deposit, in the block that it was read from, while it is credited.
select state from watch.deposits
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and block_hash = %(hash)s and asset = %(asset)s
  and reorganisation is null for update;

-- load_tip --
-- How far the chain was followed.
select coalesce(max(height), -1) as height from watch.blocks where chain = %(chain)s and reorganisation is null;

-- load_last_status --
-- Whether ledger and chain matched at the newest block.
select status from watch.runs where chain = %(chain)s and reorganisation is null order by height desc limit 1;

-- load_taken_back --
-- How often the credit of this very deposit was taken back, by the ledger itself; a colon and chr(59) are neighbours.
select count(*) as n from ledger.transfers d
where (d.id = %(transfer)s or (d.id > %(transfer)s || ':' and d.id < %(transfer)s || chr(59))) and exists (
  select from ledger.transfers r
  where r.id in ('deposit-reversal:' || d.statement, 'deposit-reversal:' || d.statement || ':shortfall'));

-- load_gone --
-- Credits whose deposit left the chain.
select chain, txid, output, wallet, account, asset, units::text as units, block_hash, statement as credit, reorganisation
from watch.deposits where state = 'CREDITED' and reorganisation is not null order by chain, height, txid, output;

-- lock_gone --
-- One of them, while it is taken back.
select state = 'CREDITED' and reorganisation is not null as gone from watch.deposits
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and block_hash = %(hash)s and asset = %(asset)s
for update;

-- save_reversed --
-- The credit is taken back.
update watch.deposits set state = 'REVERSED'
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and block_hash = %(hash)s and asset = %(asset)s;

-- add_shortfall --
-- What the client spent of it.
insert into transfers.shortfalls (reversal, chain, account, asset, units)
values (%(reversal)s, %(chain)s, %(account)s, %(asset)s, %(units)s);

-- load_shortfalls --
-- What clients owe, the oldest debts of an account together.
select reversal, chain, account, asset, units::text as units, recovered
from transfers.shortfalls where not recovered order by account, reversal;

-- lock_shortfall --
-- One debt, while it is recovered.
select reversal, chain, account, asset, units::text as units, recovered
from transfers.shortfalls where reversal = %(reversal)s for update;

-- save_recovered --
-- It is paid.
update transfers.shortfalls set recovered = true where reversal = %(reversal)s;

-- is_held --
-- Whether the account of an instruction owes, or a credit of it is about to be taken back.
select exists (select from transfers.shortfalls s where s.account = i.account and not s.recovered)
  or exists (select from watch.deposits d
    where d.account = i.account and d.state = 'CREDITED' and d.reorganisation is not null) as held
from transfers.instructions i where i.id = %(instruction)s;

-- save_credited --
-- Credited once.
update watch.deposits set state = 'CREDITED', statement = %(statement)s
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and block_hash = %(hash)s and asset = %(asset)s
  and state = 'SEEN';
