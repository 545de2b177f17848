-- Registers' entries, devices, and the packages that cross to them and back.

create schema custody;

-- The signed heads are in the log; these are the entries that they are the Merkle roots of.
create table custody.register_entries (
  register text not null check (register in ('addresses', 'assets', 'clients', 'keys', 'whitelist')),
  id text collate "C" not null,
  entry text not null,
  added_in bigint not null,
  removed_in bigint,
  primary key (register, id, added_in)
);
create unique index register_entries_current on custody.register_entries (register, id) where removed_in is null;

-- seen: the size of the last checkpoint that the device is known to hold.
create table custody.devices (
  id text primary key,
  kind text not null check (kind in ('terminal', 'station', 'gate', 'approval-device')),
  seen bigint not null default 0,
  sent bigint not null default 0
);

-- Written in the transaction that decides to send them; the files in the outbox are copies, made again when missing.
create table custody.packages_out (
  device text not null references custody.devices (id),
  sequence bigint not null,
  kind text not null,
  subject text not null,
  raw bytea not null,
  created_at timestamptz not null default now(),
  primary key (device, sequence)
);
create index packages_out_by_subject on custody.packages_out (subject);

-- Every package that came in, the refused ones too.
create table custody.packages_in (
  device text not null,
  digest text not null,
  sequence bigint not null,
  kind text not null,
  raw bytea not null,
  outcome text not null,
  received_at timestamptz not null default now(),
  primary key (device, digest)
);

grant usage on schema custody to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant select on all tables in schema custody to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on custody.register_entries, custody.devices, custody.packages_out, custody.packages_in to strongroom_platform;
grant update (removed_in) on custody.register_entries to strongroom_platform;
grant update (seen, sent) on custody.devices to strongroom_platform;
grant update (subject) on custody.packages_out to strongroom_platform;
