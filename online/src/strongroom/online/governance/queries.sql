-- Statements of the governance store. Format: a header `-- name --`, one line that says why, one statement.

-- load_entries_of --
-- The entries of all registers as of the versions that were read before: a version published meanwhile changes nothing.
select e.register, e.entry
from custody.register_entries e
join jsonb_each_text(%(versions)s::jsonb) v on v.key = e.register
where e.added_in <= v.value::bigint and (e.removed_in is null or e.removed_in > v.value::bigint)
order by e.register, e.id;

-- load_current --
-- The entries of one register now, for publishing its next version.
select register, entry from custody.register_entries where register = %(register)s and removed_in is null order by id;

-- load_entries_at --
-- The entries of a register as they were in a version, for dockets that were proposed under it.
select register, entry from custody.register_entries
where register = %(register)s and added_in <= %(version)s and (removed_in is null or removed_in > %(version)s)
order by id;

-- load_changes --
-- What changed in a register after a version, for a device's delta.
select id, entry, removed_in is null as current, added_in
from custody.register_entries
where register = %(register)s and (added_in > %(version)s or removed_in > %(version)s)
order by id, added_in;

-- close_entries --
-- Entries that a new version removes or replaces.
update custody.register_entries set removed_in = %(version)s
where register = %(register)s and id = any(%(ids)s) and removed_in is null;

-- add_entry --
-- One new entry.
insert into custody.register_entries (register, id, entry, added_in)
values (%(register)s, %(id)s, %(entry)s, %(version)s);

-- load_prices --
-- The newest snapshot of prices that is not from after a moment; without a moment, of all.
select e.leaf from custody.prices p join evidence.entries e on e.statement = p.statement
where %(moment)s::timestamptz is null or p.as_of <= %(moment)s::timestamptz
order by p.as_of desc limit 1;

-- add_prices --
-- When a snapshot was true.
insert into custody.prices (statement, as_of) values (%(statement)s, %(as_of)s);
