-- A session is asked for by a statement that its terminal signed. Reconciler and watcher read everything from it; the
-- number is for the order only. Sessions of before have no request: they are not cleared, and their terminals ask anew.

alter table transfers.sessions
  add column request bytea not null default '',
  drop column heads,
  drop column journal_head;
alter table transfers.sessions alter column request drop default;
