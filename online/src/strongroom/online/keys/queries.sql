-- Statements of the addresses' store. Format: a header `-- name --`, one line that says why, one statement.

-- add_batch --
-- A batch is imported once.
insert into custody.address_batches (attestation, batch, chain, wallet, size, leaves)
values (%(attestation)s, %(batch)s, %(chain)s, %(wallet)s, %(size)s, %(leaves)s);

-- has_batch --
-- Whether it was imported.
select exists (select from custody.address_batches where attestation = %(attestation)s) as found;

-- copy_addresses --
-- All lines of a batch, as fast as the database takes them.
copy custody.attested_addresses (attestation, place, id, chain, address, line) from stdin;

-- load_contradictions --
-- Addresses of a batch that an earlier one has under another name, or names that it gave to other addresses.
select n.id, n.address, o.id as known_id, o.address as known_address
from custody.attested_addresses n join custody.attested_addresses o
  on o.attestation <> n.attestation and (o.id = n.id or (o.chain = n.chain and o.address = n.address))
where n.attestation = %(attestation)s and (o.id, o.chain, o.address) <> (n.id, n.chain, n.address)
order by n.id limit 16;

-- load_key_texts --
-- The entries of the key register as of a version, as they were signed.
select id, entry from custody.register_entries
where register = 'keys' and added_in <= %(version)s and (removed_in is null or removed_in > %(version)s) order by id;

-- load_offered --
-- Addresses of a wallet that were attested for deposits and are nobody's yet, the newest attestation of each.
select distinct on (a.id) a.attestation, a.place, a.id, a.address, a.line
from custody.attested_addresses a join custody.address_batches b using (attestation)
where b.wallet = %(wallet)s and (%(entry)s = '' or a.id = %(entry)s)
  and not exists (select from custody.assignments s where s.chain = a.chain and s.address = a.address)
order by a.id, b.imported_at desc limit %(most)s;

-- load_batch --
-- What proves one line of a batch.
select leaves from custody.address_batches where attestation = %(attestation)s;

-- load_newest_line --
-- An address as it was attested last.
select a.attestation, a.place, a.id, a.address, a.line
from custody.attested_addresses a join custody.address_batches b using (attestation)
where a.id = %(entry)s order by b.imported_at desc limit 1;

-- load_line --
-- An address as one batch has it: the one under which it was handed out.
select attestation, place, id, address, line from custody.attested_addresses
where attestation = %(attestation)s and id = %(entry)s;

-- add_assignment --
-- Once ever: the keys of this table refuse a second one.
insert into custody.assignments (chain, address, entry, account, wallet, statement)
values (%(chain)s, %(address)s, %(entry)s, %(account)s, %(wallet)s, %(statement)s);

-- load_assignments --
-- Whose some addresses are, with the places of the statements that say so; the statements decide.
select e.idx, e.leaf from custody.assignments s join evidence.entries e using (statement) where s.entry = any(%(entries)s);
