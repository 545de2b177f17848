-- Statements of the migrator, and locks by name. Format: a header `-- name --`, one line that says why, one statement.

-- lock --
-- Only one program migrates a database at a time; the lock ends with the transaction.
select pg_advisory_xact_lock(%(key)s);

-- make_schema --
-- Where the migrator keeps its record, apart from what it makes.
create schema if not exists migrations;

-- make_record --
-- What was applied, and the digest of the file at that time.
create table if not exists migrations.applied (
  number integer primary key,
  name text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  applied_at timestamptz not null default now()
);

-- load_applied --
-- To be compared with the files before anything else is applied.
select number, name, sha256 from migrations.applied order by number;

-- save_applied --
-- In the same transaction as the migration itself.
insert into migrations.applied (number, name, sha256) values (%(number)s, %(name)s, %(sha256)s);

-- lock_name --
-- One piece of work at a time over all workers; the lock ends with the transaction.
select pg_advisory_xact_lock(hashtextextended(%(name)s, 0));
