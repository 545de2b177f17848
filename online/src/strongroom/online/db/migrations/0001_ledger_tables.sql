-- The ledger's tables: what is recorded, and what a single row must satisfy whoever writes it.
--
-- Conventions of this folder. Files are NNNN_name.sql, numbered without gaps; an applied file is never edited. Each
-- runs as strongroom_owner and grants to the roles of db/roles.sql only what they need. Names are always written with
-- their schema. Our own errors have SQLSTATE class SR:
--   SR002  a step that is not one debit and one credit of the units and accounts that its transfer names
--   SR003  a change of something that is only ever added to
--   SR004  an entry that does not continue its account's history
--
-- Signs. `posted` counts credits minus debits, so all accounts of one asset add up to zero. A client's balance, which
-- we owe, is positive; a wallet's, which we own, is negative. Readers see each account from its own side, through the
-- view `accounts_now`.

create schema ledger;

create type ledger.account_kind as enum (
  'client',    -- what we owe one client in one asset; never below zero, reservations included
  'custody',   -- what one wallet of ours holds; not floored, since what the chain shows must always be recordable
  'house',     -- the operator's own money
  'expense',   -- network fees, which the operator pays
  'suspense'   -- movements that nobody has explained yet
);
create type ledger.side as enum ('debit', 'credit');
create type ledger.phase as enum ('posted', 'pending');
create type ledger.resolution as enum ('posted', 'void');  -- pending -> posted, pending -> void; there is no way back
create type ledger.step as enum ('post', 'reserve', 'settle', 'void');

create domain ledger.statement_id as text check (value ~ '^sha256:[0-9a-f]{64}$');
create domain ledger.transfer_id as text collate "C" check (value ~ '^[!-~]{1,200}$');
create domain ledger.posting_kind as text check (value ~ '^[a-z][a-z0-9-]{0,39}$');

-- One account holds one asset for one holder. The statement is what justified opening it.
create table ledger.accounts (
  id text collate "C" primary key check (id ~ '^account:[a-z0-9][a-z0-9._-]{0,79}(:[a-z0-9][a-z0-9._-]{0,79})?$'),
  kind ledger.account_kind not null,
  asset text not null check (asset ~ '^[a-z0-9-]{3,8}:[-_a-zA-Z0-9]{1,32}/[a-z0-9-]{3,8}:[-.%a-zA-Z0-9]{1,128}$'),
  holder text not null,
  guarded boolean not null generated always as (kind = 'client') stored,
  statement ledger.statement_id not null,
  opened_at timestamptz not null default now(),
  constraint accounts_holder check (case kind
    when 'client' then holder ~ '^client:'
    when 'custody' then holder ~ '^wallet:'
    else holder = 'house' end),
  unique (id, asset),
  unique (id, guarded)
);
create index accounts_by_asset on ledger.accounts (asset, kind);

-- The sum of an account's entries, kept so that it can be locked, compared and limited. Only the trigger on entries
-- writes it (0002). `guarded` is copied by its foreign key, so that one CHECK can say what an overdraft is.
create table ledger.balances (
  account text collate "C" primary key,
  guarded boolean not null,
  version bigint not null default 0 check (version >= 0),
  posted numeric(78, 0) not null default 0,
  pending_debits numeric(78, 0) not null default 0 check (pending_debits >= 0),
  pending_credits numeric(78, 0) not null default 0 check (pending_credits >= 0),
  constraint balances_no_overdraft check (not guarded or posted - pending_debits >= 0),
  foreign key (account, guarded) references ledger.accounts (id, guarded)
) with (fillfactor = 60);

-- A transfer moves units of one asset from the debited to the credited account. One units column serves both sides, and
-- both accounts must have the transfer's asset: an unbalanced or mixed transfer cannot be written down.
-- The id is the idempotency key. event_at is when it happened, created_at when it was recorded.
create table ledger.transfers (
  id ledger.transfer_id primary key,
  phase ledger.phase not null,
  kind ledger.posting_kind not null,
  statement ledger.statement_id not null,
  debit_account text collate "C" not null,
  credit_account text collate "C" not null,
  asset text not null,
  units numeric(78, 0) not null check (units > 0 and units < 2::numeric ^ 256),
  event_at timestamptz not null,
  created_at timestamptz not null default now(),
  check (debit_account <> credit_account),
  foreign key (debit_account, asset) references ledger.accounts (id, asset),
  foreign key (credit_account, asset) references ledger.accounts (id, asset)
);
create index transfers_by_statement on ledger.transfers (statement);
create index transfers_pending on ledger.transfers (asset) where phase = 'pending';

-- What became of a pending transfer. The primary key says: once.
create table ledger.resolutions (
  transfer ledger.transfer_id primary key references ledger.transfers (id),
  outcome ledger.resolution not null,
  statement ledger.statement_id not null,
  event_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index resolutions_by_statement on ledger.resolutions (statement);

-- The books: each step of a transfer is one debit and one credit. Every row carries its account's three sums before and
-- after, and the account's version, so that history is checked row by row without adding anything up.
create table ledger.entries (
  account text collate "C" not null,
  version bigint not null check (version > 0),
  transfer ledger.transfer_id not null references ledger.transfers (id),
  step ledger.step not null,
  side ledger.side not null,
  units numeric(78, 0) not null check (units > 0),
  posted_before numeric(78, 0) not null,
  posted_after numeric(78, 0) not null,
  pending_debits_before numeric(78, 0) not null,
  pending_debits_after numeric(78, 0) not null,
  pending_credits_before numeric(78, 0) not null,
  pending_credits_after numeric(78, 0) not null,
  primary key (account, version),
  constraint entries_once unique (transfer, step, side),
  constraint entries_posted check (
    posted_after - posted_before
      = case when step in ('post', 'settle') then case side when 'credit' then units else - units end else 0 end),
  constraint entries_pending_debits check (
    pending_debits_after - pending_debits_before
      = case when side = 'credit' or step = 'post' then 0 when step = 'reserve' then units else - units end),
  constraint entries_pending_credits check (
    pending_credits_after - pending_credits_before
      = case when side = 'debit' or step = 'post' then 0 when step = 'reserve' then units else - units end)
);
