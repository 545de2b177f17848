-- Statements of the exchange's store. Format: a header `-- name --`, one line that says why, one statement.

-- add_device --
-- Devices that packages go to; their roles are the roster's.
insert into custody.devices (id, kind) values (%(id)s, %(kind)s) on conflict (id) do nothing;

-- load_devices --
-- All devices of a kind.
select id, kind, seen, sent from custody.devices where kind = %(kind)s order by id;

-- load_all_devices --
-- All devices, for news that concerns everybody.
select id, kind, seen, sent from custody.devices order by id;

-- lock_device --
-- Sequence numbers of one device are given out one by one.
select id, kind, seen, sent from custody.devices where id = %(id)s for update;

-- save_device --
-- The checkpoint that the device will hold once it took this package, and its number.
update custody.devices set seen = %(seen)s, sent = %(sent)s where id = %(id)s;

-- add_package --
-- What was decided to be sent.
insert into custody.packages_out (device, sequence, kind, subject, raw)
values (%(device)s, %(sequence)s, %(kind)s, %(subject)s, %(raw)s);

-- has_package --
-- A subject is exported to a device once.
select count(*) as n from custody.packages_out where device = %(device)s and kind = %(kind)s and subject = %(subject)s;

-- load_packages --
-- Every package, to write the files that are missing.
select device, sequence, kind, raw from custody.packages_out order by device, sequence;

-- load_brought --
-- Packages that came over the network, oldest first.
select device, digest, raw from custody.packages_brought order by brought_at, device, digest;

-- remove_brought --
-- What was handled stands among the packages that came in.
delete from custody.packages_brought where device = %(device)s and digest = %(digest)s;

-- load_received --
-- Has this very package been handled?
select outcome from custody.packages_in where device = %(device)s and digest = %(digest)s;

-- add_received --
-- Every package that came in, with what became of it.
insert into custody.packages_in (device, digest, sequence, kind, raw, outcome)
values (%(device)s, %(digest)s, %(sequence)s, %(kind)s, %(raw)s, %(outcome)s)
on conflict (device, digest) do nothing;
