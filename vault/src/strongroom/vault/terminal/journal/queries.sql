-- insert_entry --
-- The only way into the chain.
INSERT INTO entry (number, time, kind, payload, previous, hash)
VALUES (:number, :time, :kind, :payload, :previous, :hash);

-- last_entry --
-- The head of the chain.
SELECT number, time, kind, payload, previous, hash FROM entry ORDER BY number DESC LIMIT 1;

-- every_entry --
-- Verification reads the whole chain in order.
SELECT number, time, kind, payload, previous, hash FROM entry ORDER BY number;

-- entries_of_kind --
-- Reports read one kind; the chain is small enough for a scan.
SELECT number, time, kind, payload, previous, hash FROM entry WHERE kind = :kind ORDER BY number;

-- entries_of_kind_after --
-- What is new, for whoever has read the rest; by the primary key from there on.
SELECT number, time, kind, payload, previous, hash FROM entry WHERE number > :number AND kind = :kind ORDER BY number;

-- last_of_kind --
-- What was done last, without reading what was done before.
SELECT number, time, kind, payload, previous, hash FROM entry WHERE kind = :kind ORDER BY number DESC;

-- count_after --
-- How far the mirror in the token is behind.
SELECT count(*) FROM entry WHERE number > :number AND kind IN (SELECT value FROM json_each(:kinds));

-- entry_by_number --
-- Another device quotes a number and a hash.
SELECT number, time, kind, payload, previous, hash FROM entry WHERE number = :number;

-- bindings --
-- Which twins of a proposal were bound, and as which attempt.
SELECT twin, attempt FROM binding WHERE proposal = :proposal ORDER BY twin;

-- insert_binding --
-- Binds it for ever.
INSERT INTO binding (proposal, twin, attempt, entry) VALUES (:proposal, :twin, :attempt, :entry);

-- commitment --
-- Sign once: what an outpoint or a nonce is bound to.
SELECT proposal FROM commitment WHERE spend = :spend ORDER BY proposal;

-- commits_of --
-- All that a proposal spends.
SELECT spend FROM commitment WHERE proposal = :proposal ORDER BY spend;

-- insert_commitment --
-- Binds it for ever.
INSERT INTO commitment (spend, proposal, entry) VALUES (:spend, :proposal, :entry)
ON CONFLICT (spend, proposal) DO NOTHING;

-- instruction_use --
-- One payment once: which proposals pay an instruction.
SELECT proposal FROM instruction_use WHERE instruction = :instruction ORDER BY proposal;

-- instructions_of --
-- All that a proposal pays.
SELECT instruction FROM instruction_use WHERE proposal = :proposal ORDER BY instruction;

-- insert_instruction_use --
-- Binds it for ever.
INSERT INTO instruction_use (instruction, proposal, entry) VALUES (:instruction, :proposal, :entry)
ON CONFLICT (instruction, proposal) DO NOTHING;

-- signed_r --
-- Two signatures with one r give the key away.
SELECT key, digest FROM signed_r WHERE r = :r;

-- insert_signed_r --
-- Remembered for ever.
INSERT INTO signed_r (r, key, digest, entry) VALUES (:r, :key, :digest, :entry);

-- clear_use --
-- A clear-to-sign is single use, by its id and by its nonce.
SELECT clear, nonce FROM clear_use WHERE clear = :clear OR nonce = :nonce;

-- insert_clear_use --
-- Used up.
INSERT INTO clear_use (clear, nonce, entry) VALUES (:clear, :nonce, :entry);

-- last_head --
-- Versions never fall.
SELECT version, digest FROM head WHERE name = :name ORDER BY version DESC LIMIT 1;

-- last_heads --
-- The heads that the terminal quotes.
SELECT h.name, h.version, h.digest FROM head AS h
WHERE h.version = (SELECT max(o.version) FROM head AS o WHERE o.name = h.name) ORDER BY h.name;

-- head_first_seen --
-- A delay counts from when this terminal first saw a version.
SELECT first_seen FROM head WHERE name = :name AND version = :version;

-- insert_head --
-- Every version stays, so that its first sight stays.
INSERT INTO head (name, version, digest, first_seen, entry) VALUES (:name, :version, :digest, :first_seen, :entry);

-- freeze --
-- A freeze that is seen again does not latch again.
SELECT scope FROM freeze WHERE freeze = :freeze;

-- insert_freeze --
-- Latches until it is lifted by name.
INSERT INTO freeze (freeze, scope, entry) VALUES (:freeze, :scope, :entry);

-- freeze_lift --
-- A lift that is seen again changes nothing.
SELECT lift FROM freeze_lift WHERE freeze = :freeze;

-- insert_freeze_lift --
-- A lift may arrive before its freeze; the freeze then never latches.
INSERT INTO freeze_lift (freeze, lift, entry) VALUES (:freeze, :lift, :entry);

-- latched_freezes --
-- What stops signing now.
SELECT f.freeze, f.scope FROM freeze AS f
WHERE NOT EXISTS (SELECT 1 FROM freeze_lift AS l WHERE l.freeze = f.freeze) ORDER BY f.entry, f.freeze;

-- last_package --
-- Sequence numbers only rise.
SELECT max(sequence) FROM package WHERE direction = :direction AND party = :party;

-- insert_package --
-- Remembered for ever.
INSERT INTO package (direction, party, sequence, digest, entry)
VALUES (:direction, :party, :sequence, :digest, :entry);

-- last_checkpoint --
-- The log only grows, and the clock never precedes it.
SELECT size, root, time FROM checkpoint ORDER BY entry DESC LIMIT 1;

-- insert_checkpoint --
-- Remembered for ever.
INSERT INTO checkpoint (size, root, time, entry) VALUES (:size, :root, :time, :entry);

-- last_prices --
-- The newest snapshot that a payment was valued by; they only rise.
SELECT as_of FROM prices ORDER BY entry DESC LIMIT 1;

-- insert_prices --
-- Remembered for ever.
INSERT INTO prices (as_of, entry) VALUES (:as_of, :entry);

-- limit_use --
-- Signing the same instruction again uses a limit once, with the highest fee of its attempts.
SELECT asset, units, fee, hkd_cents, time FROM limit_use WHERE rule = :rule AND instruction = :instruction;

-- insert_limit_use --
-- Counts from the time of its entry.
INSERT INTO limit_use (rule, asset, instruction, units, fee, hkd_cents, time, entry)
VALUES (:rule, :asset, :instruction, :units, :fee, :hkd_cents, :time, :entry);

-- raise_limit_use --
-- Another attempt of an instruction; when it costs more, it counts from its own signature.
UPDATE limit_use SET fee = :fee, hkd_cents = :hkd_cents, time = :time WHERE rule = :rule AND instruction = :instruction;

-- limit_uses_since --
-- Rules come as a JSON array. The sums are made in Python: SQLite would turn wei into a float.
SELECT rule, instruction, asset, units, fee, hkd_cents, time FROM limit_use
WHERE rule IN (SELECT value FROM json_each(:rules)) AND time >= :since ORDER BY rule, time, instruction;

-- limit_uses_of --
-- What changed, for whoever keeps sums: rules and instructions as JSON arrays.
SELECT rule, instruction, asset, units, fee, hkd_cents, time FROM limit_use
WHERE rule IN (SELECT value FROM json_each(:rules)) AND instruction IN (SELECT value FROM json_each(:instructions));

-- insert_paid --
-- Another attempt at the same payment is the same payment.
INSERT INTO paid (instruction, destination, client, asset, units, time, entry)
VALUES (:instruction, :destination, :client, :asset, :units, :time, :entry) ON CONFLICT (instruction) DO NOTHING;

-- histories --
-- What was paid before, for every payment of a docket at once: a JSON array of instruction, destination, client, asset.
-- The largest is found by length and digits: wei do not fit into SQLite's integers.
SELECT
    o.value ->> 'instruction',
    (SELECT count(*) FROM paid AS p
     WHERE p.destination = o.value ->> 'destination' AND p.instruction <> o.value ->> 'instruction'),
    (SELECT max(p.time) FROM paid AS p
     WHERE p.destination = o.value ->> 'destination' AND p.instruction <> o.value ->> 'instruction'),
    (SELECT p.units FROM paid AS p
     WHERE p.client = o.value ->> 'client' AND p.asset = o.value ->> 'asset'
     AND p.instruction <> o.value ->> 'instruction' ORDER BY length(p.units) DESC, p.units DESC LIMIT 1),
    (SELECT p.units FROM paid AS p
     WHERE p.client = o.value ->> 'client' AND p.asset = o.value ->> 'asset'
     AND p.instruction <> o.value ->> 'instruction' ORDER BY p.time DESC, p.entry DESC, p.instruction DESC LIMIT 1)
FROM json_each(:wanted) AS o;

-- save_codes --
INSERT INTO codes (person, salt, slots, entry) VALUES (:person, :salt, :slots, :entry)
ON CONFLICT (person) DO UPDATE SET salt = excluded.salt, slots = excluded.slots, entry = excluded.entry;

-- codes_of --
SELECT salt, slots FROM codes WHERE person = :person;

-- pin_failures --
-- Wrong PINs since the last right one.
SELECT failures FROM pin_failure WHERE token = :token;

-- last_pin_entry --
-- A token rests from its own last attempt, whatever is tried at others.
SELECT entry FROM pin_failure WHERE token = :token;

-- save_pin_failures --
-- SoftHSM does not lock after wrong PINs, so the terminal counts.
INSERT INTO pin_failure (token, failures, entry) VALUES (:token, :failures, :entry)
ON CONFLICT (token) DO UPDATE SET failures = excluded.failures, entry = excluded.entry;

-- rows_of_binding --
-- Compared with the rebuilt index, in the order of its key.
SELECT proposal, twin, attempt, entry FROM binding ORDER BY proposal, twin;

-- rows_of_commitment --
-- Compared with the rebuilt index, in the order of its key.
SELECT spend, proposal, entry FROM commitment ORDER BY spend, proposal;

-- rows_of_instruction_use --
-- Compared with the rebuilt index, in the order of its key.
SELECT instruction, proposal, entry FROM instruction_use ORDER BY instruction, proposal;

-- rows_of_signed_r --
-- Compared with the rebuilt index, in the order of its key.
SELECT r, key, digest, entry FROM signed_r ORDER BY r;

-- rows_of_clear_use --
-- Compared with the rebuilt index, in the order of its key.
SELECT clear, nonce, entry FROM clear_use ORDER BY clear;

-- rows_of_head --
-- Compared with the rebuilt index, in the order of its key.
SELECT name, version, digest, first_seen, entry FROM head ORDER BY name, version;

-- rows_of_freeze --
-- Compared with the rebuilt index, in the order of its key.
SELECT freeze, scope, entry FROM freeze ORDER BY freeze;

-- rows_of_freeze_lift --
-- Compared with the rebuilt index, in the order of its key.
SELECT freeze, lift, entry FROM freeze_lift ORDER BY freeze;

-- rows_of_package --
-- Compared with the rebuilt index, in the order of its key.
SELECT direction, party, sequence, digest, entry FROM package ORDER BY direction, party, sequence;

-- rows_of_checkpoint --
-- Compared with the rebuilt index, in the order of its key.
SELECT entry, size, root, time FROM checkpoint ORDER BY entry;

-- rows_of_prices --
-- Compared with the rebuilt index, in the order of its key.
SELECT entry, as_of FROM prices ORDER BY entry;

-- rows_of_limit_use --
-- Compared with the rebuilt index, in the order of its key.
SELECT rule, asset, instruction, units, fee, hkd_cents, time, entry FROM limit_use ORDER BY rule, instruction;

-- rows_of_paid --
-- Compared with the rebuilt index, in the order of its key.
SELECT instruction, destination, client, asset, units, time, entry FROM paid ORDER BY instruction;

-- rows_of_pin_failure --
-- Compared with the rebuilt index, in the order of its key.
SELECT token, failures, entry FROM pin_failure ORDER BY token;

-- rows_of_codes --
-- Compared with the rebuilt index, in the order of its key.
SELECT person, salt, slots, entry FROM codes ORDER BY person;
