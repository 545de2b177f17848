-- Addresses that the vault attested, and whose each of them is. Nothing here is believed: a line is verified again, with
-- its proof, whenever it is used, and the log says who owns an address.

-- leaves: the RFC 6962 leaf hashes of the batch's lines, 32 bytes each in the order of the file, to prove one line.
create table custody.address_batches (
  attestation ledger.statement_id primary key,
  batch text not null,
  chain text not null,
  wallet text not null,
  size integer not null check (size > 0),
  leaves bytea not null check (length(leaves) = 32 * size),
  imported_at timestamptz not null default now()
);

-- A later batch may attest an address again, with fresh proofs; an id stands once in a batch.
create table custody.attested_addresses (
  attestation ledger.statement_id not null references custody.address_batches (attestation),
  place integer not null check (place >= 0),
  id text collate "C" not null,
  chain text not null,
  address text not null,
  line text not null,
  primary key (attestation, place)
);
create index attested_by_id on custody.attested_addresses (id);
create index attested_by_address on custody.attested_addresses (chain, address);

-- One address, one account, once ever: by its text and by its id.
create table custody.assignments (
  chain text not null,
  address text not null,
  entry text collate "C" not null unique,
  account text not null,
  wallet text not null,
  statement ledger.statement_id not null unique,
  primary key (chain, address)
);
create index assignments_by_account on custody.assignments (account);

grant select on custody.address_batches, custody.attested_addresses, custody.assignments
  to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on custody.address_batches, custody.attested_addresses to strongroom_platform;

-- The assigner reads rules, log and batches, and says whose an address is; it writes nothing else.
grant usage on schema evidence, custody to strongroom_assigner;
grant select on all tables in schema evidence to strongroom_assigner;
grant select on all tables in schema custody to strongroom_assigner;
grant execute on function evidence.append(text, text, text, timestamptz, bytea) to strongroom_assigner;
grant insert on custody.assignments to strongroom_assigner;
