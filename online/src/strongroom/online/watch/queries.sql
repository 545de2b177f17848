-- Statements of the watch's store. Format: a header `-- name --`, one line that says why, one statement.

-- load_last_block --
-- Where a follower stands.
select height, hash from watch.blocks where chain = %(chain)s and reorganisation is null order by height desc limit 1;

-- load_hashes --
-- What was taken in at some heights, the newest first, to find where a chain turned back.
select height, hash from watch.blocks
where chain = %(chain)s and reorganisation is null and height <= %(height)s order by height desc limit %(most)s;

-- add_block --
-- A block is taken in once; one that had left the chain may come back.
insert into watch.blocks (chain, height, hash, parent) values (%(chain)s, %(height)s, %(hash)s, %(parent)s)
on conflict (chain, hash) do update set reorganisation = null where watch.blocks.reorganisation is not null;

-- undo_blocks --
-- These blocks are in the chain no more.
update watch.blocks set reorganisation = %(reorganisation)s
where chain = %(chain)s and height > %(height)s and reorganisation is null;

-- undo_runs --
-- Runs at blocks that left; every run is kept.
update watch.runs set reorganisation = %(reorganisation)s
where chain = %(chain)s and height > %(height)s and reorganisation is null;

-- undo_deposits --
-- Payments that are in no block any more; what was credited is taken back by the platform.
update watch.deposits set reorganisation = %(reorganisation)s
where chain = %(chain)s and height > %(height)s and reorganisation is null;

-- undo_outflows --
-- Payments of ours that are in no block any more; what was settled is undone by the platform.
update watch.outflows set reorganisation = %(reorganisation)s
where chain = %(chain)s and height > %(height)s and reorganisation is null;

-- undo_spends --
-- Coins that were spent in blocks that left are unspent again.
update watch.coins set spent_by = null, spent_height = null where chain = %(chain)s and spent_height > %(height)s;

-- undo_coins --
-- Coins that were made in blocks that left are none.
delete from watch.coins where chain = %(chain)s and height > %(height)s;

-- load_coins --
-- Coins of ours that are not spent.
select txid, output, address, units::text as units from watch.coins where chain = %(chain)s and spent_by is null;

-- add_coins --
-- Coins that a block paid to us, all of them at once.
insert into watch.coins (chain, txid, output, address, wallet, units, height)
select %(chain)s, r.txid, r.output, r.address, r.wallet, r.units::numeric, %(height)s
from jsonb_to_recordset(%(rows)s::jsonb) as r(txid text, output integer, address text, wallet text, units text);

-- spend_coins --
-- Coins that a block spent, all of them at once.
update watch.coins c set spent_by = r.spender, spent_height = %(height)s
from jsonb_to_recordset(%(rows)s::jsonb) as r(txid text, output integer, spender text)
where c.chain = %(chain)s and c.txid = r.txid and c.output = r.output;

-- add_deposits --
-- Payments to us, all of a block's at once; OWN is change of our own transactions. A block may come back into the chain.
insert into watch.deposits (chain, txid, output, address, wallet, account, asset, units, height, block_hash, state)
select %(chain)s, r.txid, r.output, r.address, r.wallet, r.account, r.asset, r.units::numeric, %(height)s, %(hash)s, r.state
from jsonb_to_recordset(%(rows)s::jsonb)
  as r(txid text, output integer, address text, wallet text, account text, asset text, units text, state text)
on conflict (chain, block_hash, txid, output, asset) do update set reorganisation = null,
  state = case watch.deposits.state when 'CREDITED' then 'CREDITED' else excluded.state end,
  statement = case watch.deposits.state when 'CREDITED' then watch.deposits.statement end;

-- add_outflow --
-- What left us, with the docket that explains it.
insert into watch.outflows (chain, txid, address, asset, units, fee, height, block_hash, proposal, outcome)
values (%(chain)s, %(txid)s, %(address)s, %(asset)s, %(units)s, %(fee)s, %(height)s, %(hash)s, %(proposal)s, %(outcome)s)
on conflict (chain, block_hash, txid, address, asset) do update set reorganisation = null, returned = false,
  proposal = excluded.proposal, outcome = excluded.outcome;

-- find_docket --
-- Every attempt that committed one of these, the newest first, with the bytes of both its twins.
select d.proposal, d.unsigned, d.void, d.state, d.txid from transfers.dockets d
where exists (
  select from transfers.commitments c where c.proposal = d.proposal and c.commitment = any(%(commitments)s))
order by d.attempt desc, d.proposal;

-- add_freeze --
-- A freeze stands until officers lift it.
insert into watch.freezes (statement, reason) values (%(statement)s, %(reason)s) on conflict do nothing;

-- open_alert --
-- Tells the SOC, once a subject.
insert into watch.alerts (code, severity, subject, detail) values (%(code)s, %(severity)s, %(subject)s, %(detail)s)
on conflict (code, subject) where closed_at is null do nothing;

-- load_alerts --
-- Open alerts, the worst first.
select id, code, severity, subject, detail, opened_at from watch.alerts where closed_at is null
order by array_position(array['critical', 'high', 'medium', 'low'], severity), id;

-- load_held --
-- What coins of ours hold, for chains whose nodes cannot say it at a height.
select coalesce(sum(units), 0)::text as units from watch.coins where chain = %(chain)s and spent_by is null;

-- load_in_flight --
-- Custody, and what is not in it yet, in one statement: a posting meanwhile is in all of it or in nothing.
select
  (select coalesce(sum(posted), 0) from ledger.accounts_now
    where asset = %(asset)s and kind = 'custody')::text as ledger,
  (select coalesce(sum(units), 0) from watch.deposits
    where chain = %(chain)s and asset = %(asset)s and state in ('SEEN', 'HELD') and reorganisation is null
  )::text as arriving,
  (select coalesce(sum(units), 0) from watch.outflows
    where chain = %(chain)s and asset = %(asset)s and proposal is not null and not settled and reorganisation is null
  )::text as leaving,
  (select coalesce(sum(d.units), 0) from watch.deposits d
    where d.chain = %(chain)s and d.asset = %(asset)s and d.state = 'OWN' and d.reorganisation is null and exists (
      select from watch.outflows o where o.chain = d.chain and o.block_hash = d.block_hash and o.txid = d.txid
        and o.proposal is not null and not o.settled)
  )::text as change,
  (select coalesce(sum(units), 0) from watch.deposits
    where chain = %(chain)s and asset = %(asset)s and state = 'CREDITED' and reorganisation is not null
  )::text as credits_gone,
  ((select coalesce(sum(units), 0) from watch.outflows
    where chain = %(chain)s and asset = %(asset)s and settled and reorganisation is not null)
  - (select coalesce(sum(d.units), 0) from watch.deposits d
    where d.chain = %(chain)s and d.asset = %(asset)s and d.state = 'OWN' and d.reorganisation is not null and exists (
      select from watch.outflows o where o.chain = d.chain and o.block_hash = d.block_hash and o.txid = d.txid
        and o.settled and o.reorganisation is not null))
  )::text as payments_gone;

-- add_run --
-- Every run is kept, the clean ones too.
insert into watch.runs (chain, height, block_hash, status, statement)
values (%(chain)s, %(height)s, %(hash)s, %(status)s, %(statement)s)
on conflict (chain, block_hash) do update set reorganisation = null, status = excluded.status, statement = excluded.statement;

-- load_last_run --
-- The newest run of a chain.
select height, status, statement from watch.runs where chain = %(chain)s and reorganisation is null
order by height desc limit 1;

-- load_final_outflows --
-- Explained transactions that are deep enough and have no settlement yet.
select o.txid, o.height, o.block_hash, max(o.fee)::text as fee, o.proposal, min(o.outcome) as outcome, min(d.twin) as twin
from watch.outflows o join transfers.dockets d using (proposal)
where o.chain = %(chain)s and o.height <= %(height)s and d.state = 'CONFIRMING' and o.reorganisation is null
  and not exists (
    select from transfers.docket_statements s where s.proposal = o.proposal and s.stage = 10 and s.undone is null)
group by o.txid, o.height, o.block_hash, o.proposal;

-- load_docket_leaves --
-- A docket's statements, for `prev`.
select e.leaf from transfers.docket_statements d join evidence.entries e using (statement)
  join transfers.dockets k using (proposal)
where d.proposal = %(proposal)s and d.undone is null and (d.stage <= 4 or d.twin = k.twin) order by d.stage, d.statement;

-- lock_docket --
-- A docket, while its settlement is said.
select state from transfers.dockets where proposal = %(proposal)s for update;

-- load_settlements --
-- How many settlements a docket has that wait for their posting or were posted.
select count(*) as n from transfers.docket_statements where proposal = %(proposal)s and stage = 10 and undone is null;

-- add_settlement --
-- The settlement joins its docket.
insert into transfers.docket_statements (proposal, statement, stage, twin)
select proposal, %(statement)s, 10, twin from transfers.dockets where proposal = %(proposal)s
on conflict do nothing;

-- load_sessions_without_clear --
-- Sessions that wait for the reconciler. What its own terminal has left behind with a later one waits no more.
select nonce, terminal, clear_payload, request from transfers.sessions s
where clear is null and clear_payload is null and not exists (
  select from transfers.sessions later where later.terminal = s.terminal and later.opened_at > s.opened_at
    and later.journal_number > s.journal_number)
order by journal_number, opened_at;

-- load_sessions_half_cleared --
-- Sessions that wait for the watcher.
select nonce, terminal, clear_payload, request from transfers.sessions s
where clear is null and clear_payload is not null and not exists (
  select from transfers.sessions later where later.terminal = s.terminal and later.opened_at > s.opened_at
    and later.journal_number > s.journal_number)
order by journal_number, opened_at;

-- load_session_amounts --
-- What may leave in a session, by asset: every payment, and the most that each transaction's fee can be.
select asset, sum(units)::text as units from (
  select i.asset, i.amount as units
  from transfers.session_dockets s join transfers.dockets d using (proposal) join transfers.instructions i using (proposal)
  where s.nonce = %(nonce)s and d.twin = 'transfer'
  union all
  select (select a.id from custody.register_entries a where a.register = 'assets' and a.removed_in is null
    and a.entry::jsonb ->> 'chain' = d.chain and a.entry::jsonb ->> 'kind' = 'native'),
    case d.twin when 'void' then d.void_fee else d.fee end
  from transfers.session_dockets s join transfers.dockets d using (proposal) where s.nonce = %(nonce)s
) moved group by asset order by asset;

-- load_session_twins --
-- Which twin of each docket a session is for.
select s.proposal, d.twin from transfers.session_dockets s join transfers.dockets d using (proposal)
where s.nonce = %(nonce)s order by s.proposal;

-- load_session_proposals --
-- What a session would sign, in the builder's own words.
select e.leaf from transfers.session_dockets s join evidence.entries e on e.statement = s.proposal
where s.nonce = %(nonce)s order by s.proposal;

-- save_clear_payload --
-- The reconciler's half.
update transfers.sessions set clear_payload = %(payload)s, withheld = '' where nonce = %(nonce)s and clear_payload is null;

-- save_clear --
-- Both halves: the clear is in the log.
update transfers.sessions set clear = %(clear)s, withheld = '' where nonce = %(nonce)s and clear is null;

-- save_withheld --
-- Why a clear is withheld, for people.
update transfers.sessions set withheld = %(why)s where nonce = %(nonce)s;

-- load_unexplained --
-- What left in one transaction, by wallet and asset, less what came back to us in it.
select o.chain, o.txid, a.entry::jsonb ->> 'wallet' as wallet, o.asset,
  (sum(o.units) - coalesce((select sum(d.units) from watch.deposits d
    where d.chain = o.chain and d.block_hash = o.block_hash and d.txid = o.txid and d.asset = o.asset
      and d.state = 'OWN'), 0))::text as units
from watch.outflows o join custody.register_entries a
  on a.register = 'addresses' and a.id = o.address and a.removed_in is null
where o.chain || ' ' || o.txid = %(subject)s and o.proposal is null and not o.settled and o.reorganisation is null
group by o.chain, o.block_hash, o.txid, o.asset, a.entry::jsonb ->> 'wallet';

-- save_unexplained_posted --
-- The ledger says it now.
update watch.outflows set settled = true, posted_by = %(lift)s
where chain || ' ' || txid = %(subject)s and proposal is null and not settled and reorganisation is null;

-- save_lift --
-- Officers lifted a freeze.
update watch.freezes set lift = %(lift)s where statement = %(freeze)s and lift is null;

-- close_alert --
-- The alert of this freeze, and the break that it caused.
update watch.alerts set closed_at = now() where subject = %(subject)s and closed_at is null;

-- close_alerts --
-- What passes by itself: a node that answers again, or has caught up.
update watch.alerts set closed_at = now() where subject = %(subject)s and code = any(%(codes)s) and closed_at is null;

-- readable_tables --
-- Every table that this user may read, ours or not: key material lies where nobody expects it.
select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_toast'
  and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
order by n.nspname, c.relname;

-- every_row --
-- All columns of every row, as one text. The names are put in as identifiers, quoted.
select t::text from {schema}.{name} t;
