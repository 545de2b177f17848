-- A chain may turn back: what was seen stays on record, and a reorganisation marks what is in the chain no more.
-- Tokens stand beside the coin: payments in and out name their asset. reorganisation: null while the block is in the
-- chain, else the statement by which it left.

alter table watch.blocks add column reorganisation ledger.statement_id;
alter table watch.blocks drop constraint blocks_pkey;
alter table watch.blocks add primary key (chain, hash);
create unique index blocks_now on watch.blocks (chain, height) where reorganisation is null;

-- HELD: a token's logs and balances disagree; units are what its balances say, which may be nothing.
-- REVERSED: the credit was taken back.
alter table watch.deposits add column reorganisation ledger.statement_id;
alter table watch.deposits drop constraint deposits_pkey;
alter table watch.deposits add primary key (chain, block_hash, txid, output, asset);
alter table watch.deposits drop constraint deposits_state_check;
alter table watch.deposits add constraint deposits_state_check
  check (state in ('SEEN', 'HELD', 'CREDITED', 'OWN', 'REVERSED'));
alter table watch.deposits drop constraint deposits_units_check;
alter table watch.deposits add constraint deposits_units_check check (units >= 0);
drop index watch.deposits_open;
create index deposits_open on watch.deposits (chain, height) where state = 'SEEN' and reorganisation is null;
create index deposits_gone on watch.deposits (chain) where state = 'CREDITED' and reorganisation is not null;

-- settled: the ledger has it. posted_by: the lift that put an unexplained one to suspense. returned: after it left the
-- chain, its docket was handed to the gate again.
alter table watch.outflows add column asset text;
alter table watch.outflows add column outcome text not null default 'success' check (outcome in ('success', 'failed'));
alter table watch.outflows add column posted_by ledger.statement_id;
alter table watch.outflows add column returned boolean not null default false;
alter table watch.outflows add column reorganisation ledger.statement_id;
-- Until now only the chain's own coin was followed.
update watch.outflows o set asset = coalesce(
  (select e.id from custody.register_entries e where e.register = 'assets' and e.entry::jsonb ->> 'kind' = 'native'
    and e.entry::jsonb ->> 'chain' = o.chain order by e.added_in desc limit 1), o.chain);
alter table watch.outflows alter column asset set not null;
alter table watch.outflows drop constraint outflows_pkey;
alter table watch.outflows add primary key (chain, block_hash, txid, address, asset);
create index outflows_by_docket on watch.outflows (proposal);
create index outflows_gone on watch.outflows (chain) where reorganisation is not null;

alter table watch.runs add column block_hash text;
alter table watch.runs add column reorganisation ledger.statement_id;
update watch.runs r set block_hash = b.hash from watch.blocks b where b.chain = r.chain and b.height = r.height;
alter table watch.runs alter column block_hash set not null;
alter table watch.runs drop constraint runs_pkey;
alter table watch.runs add primary key (chain, block_hash);
create unique index runs_now on watch.runs (chain, height) where reorganisation is null;

-- A settlement that a reorganisation undid is no part of its docket any more; the log keeps it.
alter table transfers.docket_statements add column undone ledger.statement_id;

-- What a client still owes after a credit was taken back that was spent already; a hold stands until it is recovered.
create table transfers.shortfalls (
  reversal ledger.statement_id primary key,
  chain text not null,
  account text not null,
  asset text not null,
  units numeric(78, 0) not null check (units > 0),
  recovered boolean not null default false
);
create index shortfalls_open on transfers.shortfalls (account) where not recovered;

grant select on transfers.shortfalls to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on transfers.shortfalls to strongroom_platform;
grant update (recovered) on transfers.shortfalls to strongroom_platform;
grant update (reorganisation) on watch.blocks, watch.deposits, watch.outflows, watch.runs to strongroom_reconciler;
-- A block may come back into the chain, with what it did.
grant update (state, statement) on watch.deposits to strongroom_reconciler;
grant update (proposal, outcome, returned) on watch.outflows to strongroom_reconciler;
grant update (status, statement) on watch.runs to strongroom_reconciler;
grant delete on watch.coins to strongroom_reconciler;
grant update (closed_at) on watch.alerts to strongroom_reconciler;
grant update (returned, posted_by) on watch.outflows to strongroom_platform;
