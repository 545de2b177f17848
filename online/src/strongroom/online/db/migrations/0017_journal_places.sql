-- Where a terminal's journal stood when it asked for a clear: reconciler and watcher quote it, and never one place twice.
-- Sessions of before have none and stay as they are.

alter table transfers.sessions
  add column journal_number bigint not null default 0,
  add column journal_head text not null default '';
