-- A day in the books of one wallet and two clients, told to psql as the platform's role.
-- `story.out` is what psql answers; tests/ledger/test_story.py runs it and compares, so a change of behaviour is a diff.
-- Amounts are in small numbers for reading; statements are digests of signed documents, made up here.
\pset footer off
\set s '''sha256:5ca1ab1e00000000000000000000000000000000000000000000000000000001'''
\set eth '''eip155:1/slip44:60'''

-- Every account is opened by a statement: what the wallet holds, what two clients are owed, what fees cost us.
select ledger.open_account('account:custody:eth-cold-1', 'custody', :eth, 'wallet:eth-cold-1', :s);
select ledger.open_account('account:harbour:eth', 'client', :eth, 'client:harbour', :s);
select ledger.open_account('account:peak:eth', 'client', :eth, 'client:peak', :s);
select ledger.open_account('account:expense:eth', 'expense', :eth, 'house', :s);
select ledger.open_account('account:house:eth', 'house', :eth, 'house', :s);

-- Two deposits are confirmed on chain, and the operator puts in money of its own to pay fees from.
select n, transfer, outcome, available from ledger.post_batch('[
  {"id": "deposit-1", "phase": "posted", "kind": "deposit", "debit": "account:custody:eth-cold-1", "credit": "account:harbour:eth",
   "asset": "eip155:1/slip44:60", "units": "100", "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000001", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "deposit-2", "phase": "posted", "kind": "deposit", "debit": "account:custody:eth-cold-1", "credit": "account:peak:eth",
   "asset": "eip155:1/slip44:60", "units": "40", "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000002", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "funding-1", "phase": "posted", "kind": "funding", "debit": "account:custody:eth-cold-1", "credit": "account:house:eth",
   "asset": "eip155:1/slip44:60", "units": "5", "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000003", "event_at": "2025-11-03T09:00:00Z"}
]');
select account, posted, pending_out, posted - pending_out as available from ledger.accounts_now order by account;

-- Harbour instructs two withdrawals at once, Peak one. Harbour has 100: the second of its two is refused, with what was
-- available to it, and the row after it is not touched by that.
select n, transfer, outcome, available from ledger.post_batch('[
  {"id": "withdrawal-1", "phase": "pending", "kind": "withdrawal", "debit": "account:harbour:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "70", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000b", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "withdrawal-2", "phase": "pending", "kind": "withdrawal", "debit": "account:harbour:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "31", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000c", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "withdrawal-3", "phase": "pending", "kind": "withdrawal", "debit": "account:peak:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "40", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000d", "event_at": "2025-11-03T09:00:00Z"}
]');

-- The platform was killed before it saw the answer. It sends the same batch again: nothing happens twice.
select n, transfer, outcome, available from ledger.post_batch('[
  {"id": "withdrawal-1", "phase": "pending", "kind": "withdrawal", "debit": "account:harbour:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "70", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000b", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "withdrawal-2", "phase": "pending", "kind": "withdrawal", "debit": "account:harbour:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "31", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000c", "event_at": "2025-11-03T09:00:00Z"},
  {"id": "withdrawal-3", "phase": "pending", "kind": "withdrawal", "debit": "account:peak:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "40", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000d", "event_at": "2025-11-03T09:00:00Z"}
]');

-- Somebody sends another amount under an id that is taken.
select n, transfer, outcome, available from ledger.post_batch('[
  {"id": "withdrawal-1", "phase": "pending", "kind": "withdrawal", "debit": "account:harbour:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "7", "statement": "sha256:000000000000000000000000000000000000000000000000000000000000000b", "event_at": "2025-11-03T09:00:00Z"}
]');

-- What is reserved is still owed and still in the wallet, but can no longer be spent.
select account, posted, pending_out, posted - pending_out as available from ledger.accounts_now order by account;

-- The first withdrawal settles on chain, and its network fee is ours; Peak's is rejected by an approver.
begin;
select ledger.lock_accounts(array[
  'account:custody:eth-cold-1', 'account:expense:eth', 'account:harbour:eth', 'account:peak:eth']);
select n, transfer, outcome, available from ledger.resolve_batch('[
  {"transfer": "withdrawal-1", "outcome": "posted",
   "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000015", "event_at": "2025-11-03T10:00:00Z"},
  {"transfer": "withdrawal-3", "outcome": "void",
   "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000016", "event_at": "2025-11-03T10:00:00Z"}
]');
select n, transfer, outcome, available from ledger.post_batch('[
  {"id": "fee-1", "phase": "posted", "kind": "network-fee", "debit": "account:expense:eth", "credit": "account:custody:eth-cold-1",
   "asset": "eip155:1/slip44:60", "units": "2", "statement": "sha256:0000000000000000000000000000000000000000000000000000000000000015", "event_at": "2025-11-03T09:00:00Z"}
]');
commit;
select transfer, state, units, right(statement, 2) as because, right(resolved_by, 2) as ended_by
from ledger.transfers_now order by transfer;
select account, posted, pending_out, posted - pending_out as available from ledger.accounts_now order by account;

-- Every entry carries its account's sums before and after: the wallet's history checks itself, row by row.
select version, transfer, step, side, units, posted_before, posted_after, pending_credits_before, pending_credits_after
from ledger.entries where account = 'account:custody:eth-cold-1' order by version;

-- All accounts of an asset add up to nothing.
select sum(posted) as posted, sum(pending_debits) - sum(pending_credits) as pending from ledger.balances;

-- The role that does all this can do nothing else.
update ledger.balances set posted = 1000000 where account = 'account:harbour:eth';
delete from ledger.entries;
insert into ledger.resolutions values ('withdrawal-3', 'posted', :s, now());
