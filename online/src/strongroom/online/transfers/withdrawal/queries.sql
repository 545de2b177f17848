-- Statements of the withdrawal's store. Format: a header `-- name --`, one line that says why, one statement.

-- lock_sequence --
-- A client's instructions are taken in one by one; the row is made by the first.
insert into transfers.sequences (client, last) values (%(client)s, 0)
on conflict (client) do update set last = transfers.sequences.last
returning last;

-- save_sequence --
-- Refused or not, the number is used.
update transfers.sequences set last = %(sequence)s where client = %(client)s;

-- add_instruction --
-- A client's order, taken in.
insert into transfers.instructions (id, client, sequence, account, wallet, asset, chain, amount, state)
values (%(id)s, %(client)s, %(sequence)s, %(account)s, %(wallet)s, %(asset)s, %(chain)s, %(amount)s, 'SUBMITTED')
on conflict (id) do nothing;

-- load_instructions --
-- Instructions in a state, oldest first.
select id, client, wallet, chain, asset, amount::text as amount, state, decision, proposal, why
from transfers.instructions where state = %(state)s order by submitted_at, id;

-- load_instruction --
-- One instruction.
select id, client, wallet, chain, asset, amount::text as amount, state, decision, proposal, why
from transfers.instructions where id = %(id)s;

-- lock_instructions --
-- Instructions while a step changes them, as far as they are still in its state.
select id, client, wallet, chain, asset, amount::text as amount, state, decision, proposal, why
from transfers.instructions where id = any(%(ids)s) and state = %(state)s order by submitted_at, id for update;

-- save_instruction --
-- The next state of an instruction, with the reason when somebody must act.
update transfers.instructions set state = %(state)s, decision = coalesce(%(decision)s, decision), why = %(why)s,
  updated_at = now()
where id = %(id)s;

-- save_docket_instructions --
-- All instructions of a docket follow its state.
update transfers.instructions set state = %(state)s, why = %(why)s, updated_at = now() where proposal = %(proposal)s;

-- bind_instructions --
-- An instruction belongs to the docket that pays it.
update transfers.instructions set proposal = %(proposal)s, state = 'PREPARED', why = '', updated_at = now()
where id = any(%(ids)s);

-- lock_usage --
-- Two deciders at once would each see room for their own; the second waits for the first one's transaction.
select pg_advisory_xact_lock(hashtext('transfers.usage'));

-- load_uses --
-- What these rules let through since a moment, voided ones left out; core makes the sums, as for the terminal.
select rule, instruction, asset, amount::text, fee::text, hkd_cents::text, at
from transfers.usage where rule = any(%(rules)s) and at >= %(since)s and not voided order by rule, at, instruction;

-- add_uses --
-- This instruction counts in its rules' windows: once, with the highest fee and value, from when it last cost more.
insert into transfers.usage (rule, instruction, asset, amount, fee, hkd_cents, at)
select rule, %(instruction)s, %(asset)s, %(amount)s, %(fee)s, %(hkd_cents)s, %(at)s from unnest(%(rules)s::text[]) rule
on conflict (rule, instruction) do update set
  at = case when excluded.fee > transfers.usage.fee then greatest(transfers.usage.at, excluded.at)
    else transfers.usage.at end,
  fee = greatest(transfers.usage.fee, excluded.fee),
  hkd_cents = case when transfers.usage.hkd_cents is null or excluded.hkd_cents is null then null
    else greatest(transfers.usage.hkd_cents, excluded.hkd_cents) end,
  voided = false;

-- raise_fee --
-- The fee is known when the bytes are built.
update transfers.usage set fee = greatest(fee, %(fee)s) where instruction = %(instruction)s;

-- void_usage --
-- What ends without payment no longer counts.
update transfers.usage set voided = true where instruction = %(instruction)s;

-- add_docket --
-- The exact unsigned bytes and what they are for.
insert into transfers.dockets
  (proposal, chain, wallet, state, unsigned, fee, sign_by, release_by, attempt, family, void, void_fee)
values (%(proposal)s, %(chain)s, %(wallet)s, 'PREPARED', %(unsigned)s, %(fee)s, %(sign_by)s, %(release_by)s,
  %(attempt)s, %(family)s, %(void)s, %(void_fee)s);

-- load_dockets --
-- Dockets in a state, oldest first.
select proposal, chain, wallet, state, unsigned, signed, txid, fee::text as fee, sign_by, release_by,
  attempt, family, twin, void, closing, why
from transfers.dockets where state = any(%(states)s) order by updated_at, proposal;

-- load_docket --
-- One docket.
select proposal, chain, wallet, state, unsigned, signed, txid, fee::text as fee, sign_by, release_by,
  attempt, family, twin, void, closing, why
from transfers.dockets where proposal = %(proposal)s;

-- lock_docket --
-- One docket, while a step changes it.
select proposal, chain, wallet, state, unsigned, signed, txid, fee::text as fee, sign_by, release_by,
  attempt, family, twin, void, closing, why
from transfers.dockets where proposal = %(proposal)s for update;

-- save_docket --
-- The next state of a docket.
update transfers.dockets set state = %(state)s, why = %(why)s, updated_at = now() where proposal = %(proposal)s;

-- save_signed --
-- What the gate released.
update transfers.dockets set signed = %(signed)s, txid = %(txid)s, updated_at = now() where proposal = %(proposal)s;

-- add_statement --
-- A statement of the docket, at its stage; from VERIFY on it is about the twin that the docket is about.
insert into transfers.docket_statements (proposal, statement, stage, twin)
select proposal, %(statement)s, %(stage)s, case when %(stage)s <= 4 then 'transfer' else twin end
from transfers.dockets where proposal = %(proposal)s
on conflict (proposal, statement) do nothing;

-- drop_statement --
-- A lapsed approval leaves its docket; the log keeps it.
select transfers.drop_approval(%(proposal)s, %(statement)s);

-- load_docket_statements --
-- The docket's statements, out of the log; from VERIFY on those of its twin.
select e.leaf from transfers.docket_statements d join evidence.entries e using (statement)
  join transfers.dockets k using (proposal)
where d.proposal = %(proposal)s and d.undone is null and (d.stage <= 4 or d.twin = k.twin) order by d.stage, d.statement;

-- commit_to_family --
-- One payment once: the first docket with this outpoint or nonce gives it to its family.
insert into transfers.committed (commitment, family) values (%(commitment)s, %(family)s) on conflict do nothing;

-- add_commitment --
-- A docket of another family with this outpoint or nonce fails here.
insert into transfers.commitments (commitment, proposal, family) values (%(commitment)s, %(proposal)s, %(family)s);

-- free_commitments --
-- A docket that no terminal ever saw gives back what it alone holds; of any other the database refuses it.
select transfers.give_back(%(proposal)s);

-- load_family --
-- All attempts at one payment, the first one first.
select proposal, chain, wallet, state, unsigned, signed, txid, fee::text as fee, sign_by, release_by,
  attempt, family, twin, void, closing, why
from transfers.dockets where family = %(family)s order by attempt;

-- load_own_commitments --
-- What one docket holds.
select commitment from transfers.commitments where proposal = %(proposal)s order by commitment;

-- is_exported --
-- Whether a terminal was ever handed this docket: then it may be signed, whatever comes back.
select 1 as found from transfers.session_dockets d join transfers.sessions s using (nonce)
where d.proposal = %(proposal)s and s.exported limit 1;

-- is_mined --
-- Whether a transaction of this family is in the chain.
select 1 as found from watch.outflows o join transfers.dockets d using (proposal)
where d.family = %(family)s and o.reorganisation is null limit 1;

-- save_twin --
-- From now on the docket is about this twin, and this is what it becomes when that is final.
update transfers.dockets set twin = %(twin)s, closing = %(closing)s, updated_at = now() where proposal = %(proposal)s;

-- save_docket_alone --
-- The next state of a docket whose instructions follow another attempt.
update transfers.dockets set state = %(state)s, why = %(why)s, updated_at = now() where proposal = %(proposal)s;

-- rebind_instructions --
-- Instructions follow the attempt that is mined, or the one that is left.
update transfers.instructions i set proposal = %(proposal)s, state = %(state)s, why = %(why)s, updated_at = now()
from transfers.dockets d where i.proposal = d.proposal and d.family = %(family)s;

-- load_commitments --
-- All commitments that begin so, for choosing coins and nonces.
select commitment from transfers.commitments where commitment like %(prefix)s;

-- load_coins --
-- Confirmed, unspent coins of a wallet, oldest first.
select txid, output, address, units::text as units from watch.coins
where chain = %(chain)s and wallet = %(wallet)s and spent_by is null order by height, txid, output;

-- add_sealed --
-- What a terminal sealed for the gate.
insert into transfers.sealed (proposal, terminal, sealed, record, twin)
values (%(proposal)s, %(terminal)s, %(sealed)s, %(record)s, %(twin)s) on conflict (proposal, terminal, twin) do nothing;

-- load_sealed --
-- All sealed results of one twin of a docket.
select terminal, sealed from transfers.sealed where proposal = %(proposal)s and twin = %(twin)s order by terminal;

-- add_session --
-- A terminal shows its nonce.
insert into transfers.sessions (nonce, terminal, seen, journal_number, request)
values (%(nonce)s, %(terminal)s, %(seen)s, %(journal_number)s, %(request)s)
on conflict (nonce) do nothing;

-- add_session_docket --
-- A docket that waits for this session.
insert into transfers.session_dockets (nonce, proposal) values (%(nonce)s, %(proposal)s) on conflict do nothing;

-- load_cleared_sessions --
-- Sessions that are cleared and not exported yet.
select nonce, terminal, clear, seen from transfers.sessions where clear is not null and not exported order by opened_at;

-- lock_session --
-- One session, while its package is made.
select nonce, terminal, clear, seen from transfers.sessions
where nonce = %(nonce)s and clear is not null and not exported for update;

-- load_session_dockets --
-- The dockets of a session.
select proposal from transfers.session_dockets where nonce = %(nonce)s order by proposal;

-- save_exported --
-- The session's package is decided.
update transfers.sessions set exported = true where nonce = %(nonce)s;

-- load_last_run --
-- The last reconciliation of a chain.
select status, height from watch.runs where chain = %(chain)s and reorganisation is null order by height desc limit 1;

-- open_alert --
-- Tells the SOC, once a subject.
insert into watch.alerts (code, severity, subject, detail) values (%(code)s, %(severity)s, %(subject)s, %(detail)s)
on conflict (code, subject) where closed_at is null do nothing;

-- save_lift --
-- Officers lifted a freeze.
update watch.freezes set lift = %(lift)s where statement = %(freeze)s and lift is null;

-- save_outflow_settled --
-- The ledger has posted what left.
update watch.outflows set settled = true where proposal = %(proposal)s and block_hash = %(hash)s;

-- load_gone --
-- What the ledger has of payments that left the chain, settled by a docket or put to suspense by a lift.
select distinct chain, txid, block_hash, proposal, posted_by, reorganisation from watch.outflows
where settled and reorganisation is not null order by chain, txid, block_hash;

-- lock_outflow --
-- One of them, while it is undone.
select settled and reorganisation is not null as gone from watch.outflows
where chain = %(chain)s and txid = %(txid)s and block_hash = %(hash)s for update;

-- save_outflow_undone --
-- The ledger has taken it back.
update watch.outflows set settled = false where chain = %(chain)s and txid = %(txid)s and block_hash = %(hash)s;

-- undo_settlement --
-- The settlement is no part of its docket any more.
update transfers.docket_statements set undone = %(reversal)s
where proposal = %(proposal)s and statement = %(settlement)s and undone is null;

-- load_forgotten --
-- Dockets whose transaction left the chain, and which the chain did not take again by the height that it had.
select distinct o.proposal from watch.outflows o join transfers.dockets d using (proposal)
where o.reorganisation is not null and not o.settled and not o.returned and d.state = 'CONFIRMING'
  and o.height <= (select max(b.height) from watch.blocks b where b.chain = o.chain and b.reorganisation is null)
  and not exists (
    select from transfers.commitments mine
    join transfers.commitments theirs on theirs.commitment = mine.commitment
    join watch.outflows paid on paid.proposal = theirs.proposal and paid.reorganisation is null
    where mine.proposal = o.proposal)
order by o.proposal;

-- save_returned --
-- The gate has it again.
update watch.outflows set returned = true where proposal = %(proposal)s and reorganisation is not null;

-- load_gone_wallets --
-- Which wallets and assets a lift put to suspense for one transaction.
select distinct a.entry::jsonb ->> 'wallet' as wallet, o.asset from watch.outflows o
join custody.register_entries a on a.register = 'addresses' and a.id = o.address and a.removed_in is null
where o.chain = %(chain)s and o.txid = %(txid)s and o.block_hash = %(hash)s;

-- clear_sent --
-- A package was lost or spoiled on the way; the subject is renamed, the package is kept.
update custody.packages_out set subject = subject || ' lost' where device = %(device)s and subject = %(proposal)s;

-- revive_others --
-- A reorganisation took the mined attempt away: the others that left may be mined now.
update transfers.dockets set state = 'CONFIRMING', why = %(why)s, updated_at = now()
where family = %(family)s and proposal <> %(proposal)s and state = 'REPLACED' and txid is not null;
