-- Statements of the log's store. Format: a header `-- name --`, one line that says why, one statement.

-- append --
-- Gives the next place, or the old one when the statement is in the log already.
select evidence.append(%(statement)s, %(kind)s, %(issuer)s, %(issued_at)s, %(leaf)s) as idx;

-- load_entries_from --
-- What the in-memory tree does not have yet.
select idx, statement, leaf from evidence.entries where idx >= %(size)s order by idx;

-- load_by_kind --
-- All statements of some kinds, in the log's order.
select idx, leaf from evidence.entries where kind = any(%(kinds)s) order by idx;

-- load_by_kind_from --
-- What a reader that remembers how far it read has not seen of some kinds.
select idx, leaf from evidence.entries where kind = any(%(kinds)s) and idx >= %(first)s order by idx;

-- load_statement --
-- One statement by its id.
select idx, leaf from evidence.entries where statement = %(statement)s;

-- load_statements --
-- Several statements by id, in the log's order.
select idx, leaf from evidence.entries where statement = any(%(statements)s) order by idx;

-- load_checkpoints_above --
-- Witnessed checkpoints that the view does not know yet.
select size, witnessed as note from evidence.checkpoints where size > %(size)s and witnessed is not null order by size;

-- load_unwitnessed --
-- What waits for the witness, oldest first.
select size, signed as note from evidence.checkpoints where witnessed is null order by size;

-- load_last_signed --
-- The largest size that the log signed.
select coalesce(max(size), 0) as size from evidence.checkpoints;

-- load_size --
-- How many statements there are.
select size from evidence.tail;

-- sign_checkpoint --
-- The log's own signature; nothing changes when this size has one.
select evidence.sign_checkpoint(%(size)s, %(note)s);

-- witness_checkpoint --
-- The witness's signature beside it, once.
select evidence.witness_checkpoint(%(size)s, %(note)s);
