-- Several attempts at one payment, and the void twin of each: one family of dockets that conflict on chain pairwise.

-- family: the proposal of the first attempt. twin: which of its two transactions a docket is about now. void: the void
-- twin's unsigned bytes, null where there is none. closing: what the docket becomes when its void twin is final.
alter table transfers.dockets
  add column attempt integer not null default 1 check (attempt >= 1),
  add column family ledger.statement_id references transfers.dockets (proposal),
  add column twin text not null default 'transfer' check (twin in ('transfer', 'void')),
  add column void bytea,
  add column void_fee numeric(78, 0) not null default 0,
  add column closing text not null default '' check (closing in ('', 'CANCELLED', 'EXPIRED'));
update transfers.dockets set family = proposal;
alter table transfers.dockets alter column family set not null;
alter table transfers.dockets add constraint dockets_attempt_once unique (family, attempt);

-- One payment once: an outpoint or a nonce belongs to one family of attempts, and to no other.
create table transfers.committed (
  commitment text primary key,
  family ledger.statement_id not null references transfers.dockets (proposal),
  unique (commitment, family)
);
insert into transfers.committed (commitment, family) select commitment, proposal from transfers.commitments;
alter table transfers.commitments add column family ledger.statement_id;
update transfers.commitments set family = proposal;
alter table transfers.commitments
  alter column family set not null,
  drop constraint commitments_pkey,
  add primary key (commitment, proposal),
  add constraint commitments_of_one_family foreign key (commitment, family)
    references transfers.committed (commitment, family);
create index commitments_by_docket on transfers.commitments (proposal);

-- Up to stage 4 a statement is about the proposal; from 5 on about one of its twins.
alter table transfers.docket_statements
  add column twin text not null default 'transfer' check (twin in ('transfer', 'void'));
alter table transfers.sealed
  add column twin text not null default 'transfer' check (twin in ('transfer', 'void')),
  drop constraint sealed_pkey,
  add primary key (proposal, terminal, twin);

grant select on transfers.committed to strongroom_platform, strongroom_watcher, strongroom_reconciler;
grant insert on transfers.committed to strongroom_platform;

-- The platform deletes no commitment by itself: what a terminal was ever handed stays held, whoever asks.
create function transfers.give_back(p_proposal text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform from transfers.dockets d where d.proposal = p_proposal for update;
  if exists (select from transfers.session_dockets d join transfers.sessions s using (nonce)
      where d.proposal = p_proposal and s.exported) then
    raise exception 'a terminal was handed %', p_proposal using errcode = 'SR020';
  end if;
  delete from transfers.commitments c where c.proposal = p_proposal;
  delete from transfers.committed c where not exists (
    select from transfers.commitments m where m.commitment = c.commitment and m.family = c.family)
    and c.family = (select d.family from transfers.dockets d where d.proposal = p_proposal);
end $$;
revoke all on function transfers.give_back(text) from public;
grant execute on function transfers.give_back(text) to strongroom_platform;

-- A lapsed approval leaves its docket while nothing is verified; the log keeps it.
create function transfers.drop_approval(p_proposal text, p_statement text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from transfers.docket_statements d
  where d.proposal = p_proposal and d.statement = p_statement and d.stage = 4 and not exists (
    select from transfers.docket_statements v where v.proposal = p_proposal and v.stage > 4 and v.twin = 'transfer')
$$;
revoke all on function transfers.drop_approval(text, text) from public;
grant execute on function transfers.drop_approval(text, text) to strongroom_platform;
