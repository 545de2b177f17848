-- Withdrawals: instructions, the dockets that pay them, and the vault sessions that sign.

create schema transfers;

create domain transfers.state as text check (value in (
  'SUBMITTED', 'SCREENING', 'PREPARED', 'PENDING_APPROVAL', 'APPROVED', 'EXPORTED', 'VERIFIED', 'SIGNED', 'RELEASED',
  'CONFIRMING', 'COMPLETED', 'RECONCILED', 'REJECTED', 'BLOCKED', 'CANCELLED', 'EXPIRED', 'FAILED', 'REPLACED'));

-- Sequence numbers of clients are strict at intake; a refused instruction consumes its number too.
create table transfers.sequences (client text primary key, last bigint not null);

create table transfers.dockets (
  proposal ledger.statement_id primary key,
  chain text not null,
  wallet text not null,
  state transfers.state not null,
  unsigned bytea not null,
  signed bytea,
  txid text,
  fee numeric(78, 0) not null,
  sign_by timestamptz not null,
  release_by timestamptz not null,
  why text not null default '',
  updated_at timestamptz not null default now()
);
create index dockets_open on transfers.dockets (state);
create unique index dockets_txid on transfers.dockets (chain, txid);

create table transfers.instructions (
  id ledger.statement_id primary key,
  client text not null,
  sequence bigint not null,
  account text not null,
  wallet text not null,
  asset text not null,
  chain text not null,
  amount numeric(78, 0) not null check (amount > 0),
  state transfers.state not null,
  decision ledger.statement_id,
  proposal ledger.statement_id references transfers.dockets (proposal),
  why text not null default '',
  submitted_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (client, sequence)
);
create index instructions_open on transfers.instructions (state);

-- The statements of a docket, in its order by (stage, statement).
create table transfers.docket_statements (
  proposal ledger.statement_id not null references transfers.dockets (proposal),
  statement ledger.statement_id not null references evidence.entries (statement),
  stage smallint not null check (stage between 1 and 10),
  primary key (proposal, statement)
);

-- One payment once: an outpoint or a nonce belongs to one docket.
create table transfers.commitments (
  commitment text primary key,
  proposal ledger.statement_id not null references transfers.dockets (proposal)
);

-- What each policy rule let through, for its windows.
create table transfers.usage (
  rule text not null,
  instruction ledger.statement_id not null references transfers.instructions (id),
  amount numeric(78, 0) not null,
  at timestamptz not null,
  voided boolean not null default false,
  primary key (rule, instruction)
);
create index usage_by_time on transfers.usage (rule, at);

create table transfers.sealed (
  proposal ledger.statement_id not null references transfers.dockets (proposal),
  terminal text not null,
  sealed bytea not null,
  record ledger.statement_id not null,
  primary key (proposal, terminal)
);

-- A terminal session: it shows a nonce, reconciler and watcher clear it, dockets are exported under it.
create table transfers.sessions (
  nonce text primary key check (nonce ~ '^[0-9a-f]{64}$'),
  terminal text not null references custody.devices (id),
  heads text not null,
  seen bigint not null,                    -- the log size that the terminal holds while the session is open
  opened_at timestamptz not null default now(),
  clear_payload bytea,                     -- the reconciler's envelope, waiting for the watcher's signature
  clear ledger.statement_id,
  withheld text not null default '',       -- why the clear is withheld, for people
  exported boolean not null default false
);
create table transfers.session_dockets (
  nonce text not null references transfers.sessions (nonce),
  proposal ledger.statement_id not null references transfers.dockets (proposal),
  primary key (nonce, proposal)
);

grant usage on schema transfers to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant select on all tables in schema transfers to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert, update on all tables in schema transfers to strongroom_platform;
grant update (clear_payload, withheld) on transfers.sessions to strongroom_reconciler;
grant update (clear, withheld) on transfers.sessions to strongroom_watcher;
grant insert on transfers.docket_statements to strongroom_watcher;
grant update (state, updated_at) on transfers.dockets, transfers.instructions to strongroom_watcher, strongroom_reconciler;
