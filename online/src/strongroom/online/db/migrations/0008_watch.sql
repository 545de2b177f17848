-- What the followers saw on the chains, reconciliation runs, freezes and alerts.

create schema watch;

create table watch.blocks (
  chain text not null,
  height bigint not null,
  hash text not null,
  parent text not null,
  seen_at timestamptz not null default now(),
  primary key (chain, height)
);

-- Coins of the Bitcoin family that pay our addresses.
create table watch.coins (
  chain text not null,
  txid text not null,
  output integer not null,
  address text not null,                   -- entry id of the address register
  wallet text not null,
  units numeric(78, 0) not null check (units >= 0),
  height bigint not null,
  spent_by text,
  spent_height bigint,
  primary key (chain, txid, output)
);
create index coins_unspent on watch.coins (wallet) where spent_by is null;

-- Payments to our addresses, credited after their confirmations.
create table watch.deposits (
  chain text not null,
  txid text not null,
  output integer not null,
  address text not null,
  wallet text not null,
  account text not null,                   -- `none` for an address that is nobody's: change, or not assigned
  asset text not null,
  units numeric(78, 0) not null check (units > 0),
  height bigint not null,
  block_hash text not null,
  state text not null check (state in ('SEEN', 'CREDITED', 'OWN')),
  statement ledger.statement_id,
  primary key (chain, txid, output)
);
create index deposits_open on watch.deposits (chain, height) where state = 'SEEN';

-- Everything that left our addresses. proposal is null when no docket explains it.
create table watch.outflows (
  chain text not null,
  txid text not null,
  address text not null,
  units numeric(78, 0) not null,           -- what left the address, fee included
  fee numeric(78, 0) not null,             -- this transaction's whole fee
  height bigint not null,
  block_hash text not null,
  proposal ledger.statement_id references transfers.dockets (proposal),
  settled boolean not null default false,
  primary key (chain, txid, address)
);

create table watch.freezes (
  statement ledger.statement_id primary key,
  reason text not null,
  frozen_at timestamptz not null default now(),
  lift ledger.statement_id
);

create table watch.alerts (
  id bigint generated always as identity primary key,
  code text not null,
  severity text not null check (severity in ('critical', 'high', 'medium', 'low')),
  subject text not null,
  detail text not null,
  opened_at timestamptz not null default now(),
  closed_at timestamptz
);
-- One open alert a subject; what happens again after it was closed rings again.
create unique index alerts_open on watch.alerts (code, subject) where closed_at is null;

-- Every run, the clean ones too.
create table watch.runs (
  chain text not null,
  height bigint not null,
  status text not null check (status in ('MATCHED', 'BREAK')),
  statement ledger.statement_id not null,
  ran_at timestamptz not null default now(),
  primary key (chain, height)
);

grant usage on schema watch to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant select on all tables in schema watch to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on all tables in schema watch to strongroom_reconciler;
grant insert on watch.freezes, watch.alerts to strongroom_watcher, strongroom_platform;
grant update (spent_by, spent_height) on watch.coins to strongroom_reconciler;
grant update (state, statement) on watch.deposits to strongroom_platform;
grant update (settled) on watch.outflows to strongroom_platform;
grant update (lift) on watch.freezes to strongroom_platform;  -- for people to read; the log decides what stands
grant update (closed_at) on watch.alerts to strongroom_platform;
