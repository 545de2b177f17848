-- The whole policy: windows count fees and value, and snapshots of prices are found by their moment.

-- asset: amounts of two assets have no sum. fee: its share, in the native asset of the asset's chain. hkd_cents: null
-- when there was no price; a window with a limit in HKD blocks while it holds such a row.
alter table transfers.usage
  add column asset text,
  add column fee numeric(78, 0) not null default 0,
  add column hkd_cents numeric(78, 0);
update transfers.usage u set asset = i.asset from transfers.instructions i where i.id = u.instruction;
alter table transfers.usage alter column asset set not null, alter column fee drop default;

-- The statements are in the log; here is when each snapshot was true, so that one is found without reading them all.
create table custody.prices (
  statement ledger.statement_id primary key references evidence.entries (statement),
  as_of timestamptz not null
);
create index prices_by_moment on custody.prices (as_of);
grant select on custody.prices to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on custody.prices to strongroom_platform;
