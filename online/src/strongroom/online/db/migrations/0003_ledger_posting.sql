-- The only ways to write the ledger. Each function runs as the owner of the tables, for whoever was granted it.
--
-- A batch is one call with an outcome a row, in the order given, and means the same as its rows sent one after another:
-- a refused row changes nothing, and the rows after it are judged as if it had never been there. Sending a batch again
-- gives `duplicate` for what was recorded. Row locks are taken on all accounts of the batch in the order of their names
-- before anything is read, so two batches cannot wait for one another. Who makes several calls in one transaction
-- takes the locks of all of them first (lock_accounts).
--
-- Plans are made once a session and kept (planning a batch of one anew costs more than running it). So that a plan made
-- while the tables were small does not read them whole later, the functions that join a batch with them may only go
-- through their keys.

create type ledger.outcome as enum (
  'posted', 'reserved', 'settled', 'voided',  -- recorded now
  'duplicate',         -- recorded before, with the same content; nothing was done
  'conflict',          -- the id is taken by other content, or the reservation ended otherwise
  'malformed',         -- a field is absent or not in its form
  'unknown_account',
  'asset_mismatch',    -- an account holds another asset than the row names
  'same_account',
  'overdraft',         -- the client's available balance is short
  'unknown_transfer',
  'not_pending'        -- the transfer was posted at once; there is nothing to settle or void
);

-- One row of a batch as it was sent. `phase` is what the row asks for.
create type ledger.posting as (
  id text, phase text, kind text, statement text, debit text, credit text, asset text, units numeric,
  event_at timestamptz
);

-- One row that ends a reservation: `outcome` is posted or void.
create type ledger.ending as (transfer text, outcome text, statement text, event_at timestamptz);
-- What was decided about row n; no verdict means that the row is recorded.
create type ledger.judgement as (n bigint, verdict ledger.outcome, available numeric);

create function ledger.open_account(
  new_id text, new_kind text, new_asset text, new_holder text, new_statement text
) returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  present ledger.accounts;
begin
  insert into ledger.accounts (id, kind, asset, holder, statement)
  values (new_id, new_kind::ledger.account_kind, new_asset, new_holder, new_statement)
  on conflict (id) do nothing;
  if found then
    return 'opened';
  end if;
  select * into present from ledger.accounts where id = new_id;
  if (present.kind::text, present.asset, present.holder) = (new_kind, new_asset, new_holder) then
    return 'duplicate';
  end if;
  return 'conflict';
end $$;

-- Lock the balances of these accounts, in key order, until the transaction ends.
create function ledger.lock_accounts(accounts text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
begin
  perform from ledger.balances where account = any (accounts) order by account for update;
end $$;

-- The entries that these steps make, numbered and carried on from the locked balances. Row n of each array is one step.
create function ledger.plan_entries(
  transfers text[], steps ledger.step[], debits text[], credits text[], amounts numeric[]
) returns setof ledger.entries language sql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
  with step as (
    select * from unnest(transfers, steps, debits, credits, amounts) with ordinality
      as s (transfer, step, debit, credit, units, n)
  ),
  leg as (
    select n, transfer, step, debit as account, 'debit'::ledger.side as side, units,
      case when step in ('post', 'settle') then - units else 0 end as posted,
      case step when 'post' then 0 when 'reserve' then units else - units end as pending_debits,
      0 as pending_credits
    from step
    union all
    select n, transfer, step, credit, 'credit', units,
      case when step in ('post', 'settle') then units else 0 end,
      0,
      case step when 'post' then 0 when 'reserve' then units else - units end
    from step
  ),
  carried as (
    select l.*, b.version + row_number() over w as next_version,
      b.posted + sum(l.posted) over w as posted_after,
      b.pending_debits + sum(l.pending_debits) over w as pending_debits_after,
      b.pending_credits + sum(l.pending_credits) over w as pending_credits_after
    from leg l join ledger.balances b on b.account = l.account
    window w as (partition by l.account order by l.n rows unbounded preceding)
  )
  select account, next_version, transfer, step, side, units,
    posted_after - posted, posted_after,
    pending_debits_after - pending_debits, pending_debits_after,
    pending_credits_after - pending_credits, pending_credits_after
  from carried
$$;

-- Each row of a batch beside what is on record. `verdict` is null where nothing speaks against the row by itself; what
-- the rows before it do to its id and its client's balance is judged after this. The guarded columns are null for an
-- account that has no floor.
create function ledger.look_up(batch ledger.posting[]) returns table (
  n bigint, verdict ledger.outcome, id text, phase text, units numeric, content text,
  guarded_debit text, debit_available numeric, guarded_credit text, credit_available numeric
) language sql stable set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
  select p.n,
    case
      when (p.id ~ '^[!-~]{1,200}$' and p.phase in ('posted', 'pending') and p.kind ~ '^[a-z][a-z0-9-]{0,39}$'
        and p.statement ~ '^sha256:[0-9a-f]{64}$' and p.units > 0 and p.units < 2::numeric ^ 256
        and p.units = trunc(p.units) and p.event_at is not null and p.asset is not null) is not true
        then 'malformed'::ledger.outcome
      when d.id is null or c.id is null then 'unknown_account'
      when d.id = c.id then 'same_account'
      when d.asset <> p.asset or c.asset <> p.asset then 'asset_mismatch'
      when t.id is null then null
      when (t.phase::text, t.kind, t.statement, t.debit_account, t.credit_account, t.units)
        = (p.phase, p.kind, p.statement, p.debit, p.credit, p.units) then 'duplicate'
      else 'conflict'
    end,
    p.id, p.phase, p.units, concat_ws(' ', p.phase, p.kind, p.statement, p.debit, p.credit, p.units),
    case when d.guarded then p.debit end, case when d.guarded then db.posted - db.pending_debits end,
    case when c.guarded then p.credit end, case when c.guarded then cb.posted - cb.pending_debits end
  from unnest(batch) with ordinality as p (id, phase, kind, statement, debit, credit, asset, units, event_at, n)
  left join ledger.accounts d on d.id = p.debit
  left join ledger.balances db on db.account = d.id
  left join ledger.accounts c on c.id = p.credit
  left join ledger.balances cb on cb.account = c.id
  left join ledger.transfers t on t.id = p.id
$$;

-- Verdicts as they are if no row falls short; a row that would is marked `overdraft`, and then judge_in_order decides.
-- Null: to be recorded.
create function ledger.judge(batch ledger.posting[]) returns setof ledger.judgement
language sql stable set search_path = pg_catalog, pg_temp as $$
  with seen as (
    select l.*, first_value(n) over w as first, first_value(content) over w as first_content
    from ledger.look_up(batch) l
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
create function ledger.judge_in_order(batch ledger.posting[]) returns setof ledger.judgement
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  r record;
  recorded text[] := '{}';  -- by id slot: the content recorded under that id in this batch
  change numeric[] := '{}';  -- by account slot: what the recorded rows did to what is available
  short numeric;
begin
  for r in
    with seen as (select * from ledger.look_up(batch)),
    slot as (
      select account, row_number() over () as slot
      from (select guarded_debit as account from seen union select guarded_credit from seen) a
    )
    select s.*, dense_rank() over (order by s.id) as id_slot, d.slot as debit_slot, c.slot as credit_slot
    from seen s left join slot d on d.account = s.guarded_debit left join slot c on c.account = s.guarded_credit
    order by s.n
  loop
    short := null;
    if r.verdict is null and recorded[r.id_slot] is not null then
      r.verdict := case when recorded[r.id_slot] = r.content then 'duplicate' else 'conflict' end;
    elsif r.verdict is null and r.debit_available + coalesce(change[r.debit_slot], 0) < r.units then
      r.verdict := 'overdraft';
      short := r.debit_available + coalesce(change[r.debit_slot], 0);
    elsif r.verdict is null then
      recorded[r.id_slot] := r.content;
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
create function ledger.record(batch ledger.posting[], judged ledger.judgement[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  with accepted as materialized (
    select * from rows from (unnest(batch), unnest(judged))
      as z (id, phase, kind, statement, debit, credit, asset, units, event_at, n, verdict, available)
    where verdict is null
  ),
  written as (
    insert into ledger.transfers (id, phase, kind, statement, debit_account, credit_account, asset, units, event_at)
    select id, phase::ledger.phase, kind, statement, debit, credit, asset, units, event_at from accepted order by n
  ),
  step as (
    select array_agg(id order by n) as ids,
      array_agg(case phase when 'posted' then 'post'::ledger.step else 'reserve' end order by n) as steps,
      array_agg(debit order by n) as debits, array_agg(credit order by n) as credits,
      array_agg(units order by n) as amounts
    from accepted
  )
  insert into ledger.entries
  select e.* from step s, ledger.plan_entries(s.ids, s.steps, s.debits, s.credits, s.amounts) e;
end $$;

-- Post or reserve. batch: a JSON array of objects with the fields of ledger.posting; units as a decimal string.
-- `available` is given for an overdraft: what the debited client had at that point of the batch.
create function ledger.post_batch(batch jsonb) returns table (
  n bigint, transfer text, outcome ledger.outcome, available numeric
) language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  postings ledger.posting[] := array(select p from jsonb_populate_recordset(null::ledger.posting, batch) p);
  judged ledger.judgement[];
begin
  perform ledger.lock_accounts(array(
    select p.debit from unnest(postings) p union select p.credit from unnest(postings) p));
  for attempt in 1 .. 3 loop
    begin
      judged := array(select j from ledger.judge(postings) j order by j.n);
      if exists (select from unnest(judged) j where j.verdict = 'overdraft') then
        judged := array(select j from ledger.judge_in_order(postings) j order by j.n);
      end if;
      perform ledger.record(postings, judged);
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

-- Settle or void reservations. batch: a JSON array of objects with the fields of ledger.ending.
create function ledger.resolve_batch(batch jsonb) returns table (
  n bigint, transfer text, outcome ledger.outcome, available numeric
) language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
  endings ledger.ending[] := array(select e from jsonb_populate_recordset(null::ledger.ending, batch) e);
  judged ledger.judgement[];
begin
  perform ledger.lock_accounts(array(
    select t.debit_account from unnest(endings) e join ledger.transfers t on t.id = e.transfer
    union
    select t.credit_account from unnest(endings) e join ledger.transfers t on t.id = e.transfer));

  judged := array(
    with seen as (
      select e.*,
        case
          when (e.outcome in ('posted', 'void') and e.statement ~ '^sha256:[0-9a-f]{64}$' and e.event_at is not null
            and e.transfer is not null) is not true then 'malformed'::ledger.outcome
          when t.id is null then 'unknown_transfer'
          when t.phase <> 'pending' then 'not_pending'
          when r.transfer is null then null
          when (r.outcome::text, r.statement) = (e.outcome, e.statement) then 'duplicate'
          else 'conflict'
        end as verdict
      from unnest(endings) with ordinality as e (transfer, outcome, statement, event_at, n)
      left join ledger.transfers t on t.id = e.transfer
      left join ledger.resolutions r on r.transfer = e.transfer
    )
    select (s.n,
      case
        when s.verdict is not null or s.n = first_value(s.n) over w then s.verdict
        when (s.outcome, s.statement) = (first_value(s.outcome) over w, first_value(s.statement) over w)
          then 'duplicate'
        else 'conflict'
      end, null)::ledger.judgement
    from seen s window w as (partition by s.transfer, s.verdict is null order by s.n)
    order by s.n);

  with accepted as materialized (
    select z.*, t.debit_account, t.credit_account, t.units
    from rows from (unnest(endings), unnest(judged))
      as z (transfer, outcome, statement, event_at, n, verdict, available)
    join ledger.transfers t on t.id = z.transfer
    where z.verdict is null
  ),
  written as (
    insert into ledger.resolutions (transfer, outcome, statement, event_at)
    select a.transfer, a.outcome::ledger.resolution, a.statement, a.event_at from accepted a order by a.n
  ),
  step as (
    select array_agg(a.transfer order by a.n) as ids,
      array_agg(case a.outcome when 'posted' then 'settle'::ledger.step else 'void' end order by a.n) as steps,
      array_agg(a.debit_account order by a.n) as debits, array_agg(a.credit_account order by a.n) as credits,
      array_agg(a.units order by a.n) as amounts
    from accepted a
  )
  insert into ledger.entries
  select e.* from step s, ledger.plan_entries(s.ids, s.steps, s.debits, s.credits, s.amounts) e;

  return query
    select z.n, z.transfer,
      coalesce(z.verdict, case z.outcome when 'posted' then 'settled'::ledger.outcome else 'voided' end), z.available
    from rows from (unnest(endings), unnest(judged))
      as z (transfer, outcome, statement, event_at, n, verdict, available);
end $$;
