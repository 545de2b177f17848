-- Statements of the deposit's store. Format: a header `-- name --`, one line that says why, one statement.

-- load_confirmed --
-- Deposits that are somebody's and deep enough.
select chain, txid, output, address, wallet, account, asset, units::text as units, height, block_hash
from watch.deposits
where chain = %(chain)s and state = 'SEEN' and account <> 'none' and height <= %(height)s
order by height, txid, output;

-- lock_confirmed --
-- One deposit, in the block that it was read from, while it is credited.
select state from watch.deposits
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and block_hash = %(hash)s for update;

-- load_tip --
-- How far the chain was followed.
select coalesce(max(height), -1) as height from watch.blocks where chain = %(chain)s;

-- save_credited --
-- Credited once.
update watch.deposits set state = 'CREDITED', statement = %(statement)s
where chain = %(chain)s and txid = %(txid)s and output = %(output)s and state = 'SEEN';
