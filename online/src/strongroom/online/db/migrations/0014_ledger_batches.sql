-- Batches in fewer passes. Nothing that the ledger promises changes; where a promise is kept does, in three places.
-- benchmarks/README.md has the profile that led here.
--
-- 1. A bounded repetition such as {1,200} makes the regular expression two hundred states long, and a domain is checked
--    again wherever a value of it is made: that was most of a batch's time. The length is asked for by itself now.
-- 2. That a transfer's accounts are open and hold its asset, and that an entry's transfer is there, is checked once for
--    all rows of a statement, by the triggers that compare these rows anyway, instead of row by row by foreign keys.
--    Accounts, transfers and entries are never changed or removed, so there is nothing else that a foreign key watches.
-- 3. post_batch reads what it locks while it locks it, and carries every account's sums on from that.

alter domain ledger.statement_id drop constraint statement_id_check;
alter domain ledger.statement_id add constraint statement_id_check
  check (length(value) = 71 and value ~ '^sha256:[0-9a-f]+$');
alter domain ledger.transfer_id drop constraint transfer_id_check;
alter domain ledger.transfer_id add constraint transfer_id_check
  check (length(value) between 1 and 200 and value ~ '^[!-~]+$');
alter domain ledger.posting_kind drop constraint posting_kind_check;
alter domain ledger.posting_kind add constraint posting_kind_check
  check (length(value) <= 40 and value ~ '^[a-z][a-z0-9-]*$');

alter table ledger.entries drop constraint entries_transfer_fkey;
alter table ledger.entries alter column transfer type text collate "C";
alter table ledger.transfers drop constraint transfers_debit_account_asset_fkey;
alter table ledger.transfers drop constraint transfers_credit_account_asset_fkey;

-- A transfer or a resolution is written in the same statement as its entries: one without the other is refused. A
-- transfer's accounts are open and hold its asset.
create or replace function ledger.check_recorded() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  bare text;
begin
  if tg_table_name = 'transfers' then
    select f.id into bare from fresh f
    where not exists (
      select from ledger.entries e
      where e.transfer = f.id and e.step = case f.phase when 'posted' then 'post'::ledger.step else 'reserve' end)
    limit 1;
    if bare is null then
      select f.id into bare
      from fresh f
      left join ledger.accounts d on d.id = f.debit_account
      left join ledger.accounts c on c.id = f.credit_account
      where (d.asset = f.asset and c.asset = f.asset) is not true
      limit 1;
      if bare is not null then
        raise exception 'transfer % is between accounts that do not both hold its asset', bare
          using errcode = 'SR002', table = tg_table_name;
      end if;
    end if;
  else
    select f.transfer into bare from fresh f where not exists (
      select from ledger.entries e
      where e.transfer = f.transfer
        and e.step = case f.outcome when 'posted' then 'settle'::ledger.step else 'void' end)
    limit 1;
  end if;
  if bare is not null then
    raise exception 'transfer % has no entries for this step', bare using errcode = 'SR002', table = tg_table_name;
  end if;
  return null;
end $$;

-- Entries are balanced, continue each account's history, and carry its balance forward; here and nowhere else does a
-- balance change. An account's rows are chained to each other, and then its balance moves from what it was before the
-- first of them to what it is after the last, or not at all.
create or replace function ledger.carry_forward() returns trigger language plpgsql set search_path = pg_catalog, pg_temp
  set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  bad text;
  accounts bigint;
  carried bigint;
begin
  select p.transfer into bad
  from (
    select transfer, step, count(*) as legs, min(units) as smallest, max(units) as largest,
      max(account) filter (where side = 'debit') as debit, max(account) filter (where side = 'credit') as credit
    from fresh group by transfer, step
  ) p
  left join ledger.transfers t on t.id = p.transfer
  left join ledger.resolutions r on r.transfer = p.transfer
  where (
    p.legs = 2 and p.debit = t.debit_account and p.credit = t.credit_account
    and p.smallest = t.units and p.largest = t.units
    and case p.step
      when 'post' then t.phase = 'posted'
      when 'reserve' then t.phase = 'pending'
      when 'settle' then t.phase = 'pending' and r.outcome = 'posted'
      when 'void' then t.phase = 'pending' and r.outcome = 'void' end
  ) is not true
  limit 1;
  if bad is not null then
    raise exception 'transfer % is not one debit and one credit of what it names', bad
      using errcode = 'SR002', table = 'entries';
  end if;

  -- Two writers who both looked before either wrote would give the same version twice, which the primary key refuses.
  with chained as (
    select account, version, posted_before, posted_after, pending_debits_before, pending_debits_after,
      pending_credits_before, pending_credits_after,
      lag(version) over w as last_version, lag(posted_after) over w as last_posted,
      lag(pending_debits_after) over w as last_pending_debits, lag(pending_credits_after) over w as last_pending_credits,
      lead(version) over w is null as is_last
    from fresh window w as (partition by account order by version)
  ),
  moved as (
    select account, min(version) - 1 as old_version, max(version) as version,
      bool_and(last_version is null or (version = last_version + 1 and posted_before = last_posted
        and pending_debits_before = last_pending_debits and pending_credits_before = last_pending_credits)) as continues,
      min(posted_before) filter (where last_version is null) as old_posted,
      min(pending_debits_before) filter (where last_version is null) as old_pending_debits,
      min(pending_credits_before) filter (where last_version is null) as old_pending_credits,
      min(posted_after) filter (where is_last) as posted,
      min(pending_debits_after) filter (where is_last) as pending_debits,
      min(pending_credits_after) filter (where is_last) as pending_credits
    from chained group by account
  ),
  done as (
    update ledger.balances b
    set version = m.version, posted = m.posted,
      pending_debits = m.pending_debits, pending_credits = m.pending_credits
    from moved m
    where b.account = m.account and m.continues and b.version = m.old_version and b.posted = m.old_posted
      and b.pending_debits = m.old_pending_debits and b.pending_credits = m.old_pending_credits
    returning b.account
  )
  select (select count(*) from moved), (select count(*) from done),
    (select min(m.account) from moved m where not exists (select from done d where d.account = m.account))
  into accounts, carried, bad;
  if carried <> accounts then
    raise exception 'the entries of account % do not continue its history', bad
      using errcode = 'SR004', table = 'entries';
  end if;
  return null;
end $$;

-- An account as it is held while a batch is judged.
create type ledger.held as (
  account text, asset text, guarded boolean, version bigint, posted numeric, pending_debits numeric,
  pending_credits numeric
);

-- Lock the balances of these accounts, in key order, until the transaction ends, and read them once they are locked.
create function ledger.hold(wanted text[]) returns ledger.held[]
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_nestloop = on
set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return array(
    select (b.account, a.asset, b.guarded, b.version, b.posted, b.pending_debits, b.pending_credits)::ledger.held
    from ledger.balances b join ledger.accounts a on a.id = b.account
    where b.account = any (wanted)
    order by b.account
    for update of b);
end $$;

-- What is on record under these ids.
create function ledger.find_recorded(ids text[]) returns ledger.transfers[]
language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
begin
  return array(select t from ledger.transfers t where t.id = any (ids));
end $$;

drop function ledger.record(ledger.posting[], ledger.judgement[]);
drop function ledger.judge(ledger.posting[]);
drop function ledger.judge_in_order(ledger.posting[]);
drop function ledger.look_up(ledger.posting[]);

-- Each row of a batch beside what is held and what is on record. `verdict` is null where nothing speaks against the row
-- by itself; what the rows before it do to its id and its client's balance is judged after this. The guarded columns
-- are null for an account that has no floor.
create function ledger.look_up(batch ledger.posting[], held ledger.held[], recorded ledger.transfers[]) returns table (
  n bigint, verdict ledger.outcome, id text, phase text, units numeric, content text,
  guarded_debit text, debit_available numeric, guarded_credit text, credit_available numeric
) language sql stable as $$
  select p.n,
    case
      when (length(p.id) between 1 and 200 and p.id ~ '^[!-~]+$' and p.phase in ('posted', 'pending')
        and length(p.kind) <= 40 and p.kind ~ '^[a-z][a-z0-9-]*$'
        and length(p.statement) = 71 and p.statement ~ '^sha256:[0-9a-f]+$'
        and p.units > 0 and p.units < 2::numeric ^ 256 and p.units = trunc(p.units)
        and p.event_at is not null and p.asset is not null) is not true
        then 'malformed'::ledger.outcome
      when d.account is null or c.account is null then 'unknown_account'
      when d.account = c.account then 'same_account'
      when d.asset <> p.asset or c.asset <> p.asset then 'asset_mismatch'
      when t.id is null then null
      when (t.phase::text, t.kind, t.statement, t.debit_account, t.credit_account, t.units)
        = (p.phase, p.kind, p.statement, p.debit, p.credit, p.units) then 'duplicate'
      else 'conflict'
    end,
    p.id, p.phase, p.units, concat_ws(' ', p.phase, p.kind, p.statement, p.debit, p.credit, p.units),
    case when d.guarded then p.debit end, case when d.guarded then d.posted - d.pending_debits end,
    case when c.guarded then p.credit end, case when c.guarded then c.posted - c.pending_debits end
  from unnest(batch) with ordinality as p (id, phase, kind, statement, debit, credit, asset, units, event_at, n)
  left join unnest(held) d on d.account = p.debit
  left join unnest(held) c on c.account = p.credit
  left join unnest(recorded) t on t.id = p.id
$$;

-- Whether every row of a batch can be recorded, whatever the order: each is well formed and new, no id comes twice, and
-- each client could pay all its debits of the batch without any of its credits. Most batches are so.
create function ledger.is_plain(batch ledger.posting[], held ledger.held[], recorded ledger.transfers[])
returns boolean language plpgsql stable as $$
declare
  plain boolean;
begin
  if cardinality(recorded) > 0 then
    return false;
  end if;
  with seen as materialized (
    select verdict, id, guarded_debit, debit_available, units from ledger.look_up(batch, held, recorded)
  )
  select count(verdict) = 0 and count(distinct id) = count(*) and not exists (
    select from seen where guarded_debit is not null group by guarded_debit having sum(units) > min(debit_available))
  into plain from seen;
  return plain;
end $$;

-- Verdicts as they are if no row falls short; a row that would is marked `overdraft`, and then judge_in_order decides.
-- Null: to be recorded.
create function ledger.judge(batch ledger.posting[], held ledger.held[], recorded ledger.transfers[])
returns setof ledger.judgement language sql stable as $$
  with seen as (
    select l.*, first_value(n) over w as first, first_value(content) over w as first_content
    from ledger.look_up(batch, held, recorded) l
    window w as (partition by id, verdict is null order by n)
  ),
  leg as (
    select n, - units as change, guarded_debit as account, debit_available as available
    from seen where verdict is null and n = first and guarded_debit is not null
    union all
    select n, units, guarded_credit, credit_available
    from seen where verdict is null and n = first and guarded_credit is not null and phase = 'posted'
  ),
  running as (
    select n, change, available + sum(change) over w as left_over
    from leg window w as (partition by account order by n rows unbounded preceding)
  )
  select s.n,
    case
      when s.verdict is not null then s.verdict
      when s.n > s.first and s.content = s.first_content then 'duplicate'
      when s.n > s.first then 'conflict'
      when s.n in (select n from running where change < 0 and left_over < 0) then 'overdraft'
    end,
    null::numeric
  from seen s
$$;

-- Verdicts row after row, for a batch in which somebody is short: only by going in order is it known which rows count.
create function ledger.judge_in_order(batch ledger.posting[], held ledger.held[], recorded ledger.transfers[])
returns setof ledger.judgement language plpgsql stable as $$
declare
  r record;
  written text[] := '{}';  -- by id slot: the content recorded under that id in this batch
  change numeric[] := '{}';  -- by account slot: what the recorded rows did to what is available
  short numeric;
begin
  for r in
    with seen as (select * from ledger.look_up(batch, held, recorded)),
    slot as (
      select account, row_number() over () as slot
      from (select guarded_debit as account from seen union select guarded_credit from seen) a
    )
    select s.*, dense_rank() over (order by s.id) as id_slot, d.slot as debit_slot, c.slot as credit_slot
    from seen s left join slot d on d.account = s.guarded_debit left join slot c on c.account = s.guarded_credit
    order by s.n
  loop
    short := null;
    if r.verdict is null and written[r.id_slot] is not null then
      r.verdict := case when written[r.id_slot] = r.content then 'duplicate' else 'conflict' end;
    elsif r.verdict is null and r.debit_available + coalesce(change[r.debit_slot], 0) < r.units then
      r.verdict := 'overdraft';
      short := r.debit_available + coalesce(change[r.debit_slot], 0);
    elsif r.verdict is null then
      written[r.id_slot] := r.content;
      if r.debit_slot is not null then
        change[r.debit_slot] := coalesce(change[r.debit_slot], 0) - r.units;
      end if;
      if r.credit_slot is not null and r.phase = 'posted' then
        change[r.credit_slot] := coalesce(change[r.credit_slot], 0) + r.units;
      end if;
    end if;
    return next (r.n, r.verdict, short);
  end loop;
end $$;

-- Write the rows without a verdict: transfers and entries in one statement, as the triggers want them.
create function ledger.record(batch ledger.posting[], judged ledger.judgement[], held ledger.held[]) returns void
language plpgsql as $$
begin
  with accepted as materialized (
    select * from rows from (unnest(batch), unnest(judged))
      as z (id, phase, kind, statement, debit, credit, asset, units, event_at, n, verdict, available)
    where verdict is null
  ),
  written as (
    insert into ledger.transfers (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)
    select id, phase::ledger.phase, kind, statement, debit, credit, asset, units, event_at from accepted
  ),
  leg as (
    select n, id, phase = 'posted' as at_once, debit as account, 'debit'::ledger.side as side, units,
      - units as change, units as reserved_debit, 0 as reserved_credit from accepted
    union all
    select n, id, phase = 'posted', credit, 'credit', units, units, 0, units from accepted
  ),
  carried as (
    select l.*, h.version + row_number() over w as next_version,
      h.posted + sum(change) filter (where at_once) over w as moved,
      h.posted, h.pending_debits, h.pending_credits,
      sum(reserved_debit) filter (where not at_once) over w as more_debits,
      sum(reserved_credit) filter (where not at_once) over w as more_credits
    from leg l join unnest(held) h on h.account = l.account
    window w as (partition by l.account order by l.n rows unbounded preceding)
  )
  insert into ledger.entries
  select account, next_version, id, case when at_once then 'post'::ledger.step else 'reserve' end, side, units,
    coalesce(moved, posted) - case when at_once then change else 0 end, coalesce(moved, posted),
    pending_debits + coalesce(more_debits, 0) - case when at_once then 0 else reserved_debit end,
    pending_debits + coalesce(more_debits, 0),
    pending_credits + coalesce(more_credits, 0) - case when at_once then 0 else reserved_credit end,
    pending_credits + coalesce(more_credits, 0)
  from carried;
end $$;

-- Post or reserve. batch: a JSON array of objects with the fields of ledger.posting; units as a decimal string.
-- `available` is given for an overdraft: what the debited client had at that point of the batch. What a batch is joined
-- with is in memory and as long as the batch, so it is hashed; a plan that was made for a batch of one must not loop.
create or replace function ledger.post_batch(batch jsonb) returns table (
  n bigint, transfer text, outcome ledger.outcome, available numeric
) language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_nestloop = off as $$
declare
  postings ledger.posting[] := array(select p from jsonb_populate_recordset(null::ledger.posting, batch) p);
  held ledger.held[];
  recorded ledger.transfers[];
  judged ledger.judgement[];
begin
  held := ledger.hold(array(
    select p.debit from unnest(postings) p union select p.credit from unnest(postings) p));
  for attempt in 1 .. 3 loop
    begin
      recorded := ledger.find_recorded(array(select p.id from unnest(postings) p));
      if ledger.is_plain(postings, held, recorded) then
        judged := array(select (m, null, null)::ledger.judgement from generate_subscripts(postings, 1) m);
      else
        judged := array(select j from ledger.judge(postings, held, recorded) j order by j.n);
        if exists (select from unnest(judged) j where j.verdict = 'overdraft') then
          judged := array(select j from ledger.judge_in_order(postings, held, recorded) j order by j.n);
        end if;
      end if;
      perform ledger.record(postings, judged, held);
      exit;
    exception when unique_violation then
      -- Another session recorded one of these ids, for other accounts than we have locked, since we looked. Look again.
      if attempt = 3 then
        raise;
      end if;
    end;
  end loop;
  return query
    select z.n, z.id, coalesce(z.verdict, case z.phase when 'posted' then 'posted'::ledger.outcome else 'reserved' end),
      z.available
    from rows from (unnest(postings), unnest(judged))
      as z (id, phase, kind, statement, debit, credit, asset, units, event_at, n, verdict, available);
end $$;

revoke execute on all functions in schema ledger from public;
