-- Statements of the jobs' store. Format: a header `-- name --`, one line that says why, one statement.

-- wake --
-- A wake-up call, also into another program's queue.
select jobs.wake(%(task)s, %(subject)s);

-- forget_answered --
-- Jobs that this pass answers as well: they were committed before it began, so it sees what they announce.
delete from jobs.procrastinate_jobs where id in (
  select id from jobs.procrastinate_jobs
  where lock = %(lock)s and task_name = %(task)s and status in ('todo', 'failed') for update skip locked
);

-- take_over --
-- Jobs of workers that died go back into the queue.
select task, subject from jobs.take_over(%(queue)s, %(seconds)s);

-- load_doing --
-- What this worker has taken, as the queue believes.
select id from jobs.procrastinate_jobs where status = 'doing' and worker_id = %(worker)s;

-- load_failed --
-- Jobs that ended with a fault of our own.
select task_name as task, coalesce(args ->> 'subject', '') as subject from jobs.procrastinate_jobs where status = 'failed';

-- load_overview --
-- All queues, for people: by task, with what is stalled apart.
select queue, task,
  count(*) filter (where status = 'todo' and (scheduled_at is null or scheduled_at <= now())) as waiting,
  count(*) filter (where status = 'todo' and scheduled_at > now()) as later,
  count(*) filter (where status = 'doing' and worker_seen_at >= now() - make_interval(secs => %(seconds)s)) as running,
  count(*) filter (where status = 'doing'
    and (worker_seen_at is null or worker_seen_at < now() - make_interval(secs => %(seconds)s))) as stalled,
  count(*) filter (where status = 'failed') as failed,
  coalesce(extract(epoch from now() - min(since) filter (where status = 'todo')), 0)::bigint as oldest_s,
  coalesce(max(attempts) filter (where status = 'todo'), 0) as attempts
from jobs.overview group by queue, task order by queue, task;

-- claim --
-- Work on this database, or who is in the way.
select program, root, home, host, pid, since, seen_at from jobs.claim(%(root)s, %(home)s, %(host)s, %(pid)s);

-- renew --
-- A sign of life; false when another platform holds by now.
select jobs.renew(%(root)s, %(home)s) as held;

-- take_from --
-- An explicit take-over from a holder that is dead.
select program, root, home, host, pid, since, seen_at
from jobs.take_from(%(from)s, %(root)s, %(home)s, %(host)s, %(pid)s, %(seconds)s);

-- load_holders --
-- Which platform works here.
select program, root, home, host, pid, since, seen_at from jobs.holders order by program;

-- is_holder --
-- Looked at before each job: a platform that was taken over from stops.
select exists (
  select from jobs.holders where program = %(program)s and root = %(root)s and home = %(home)s
) as held;

-- sweep_platform --
-- What waits, whoever forgot to wake somebody for it. Dockets are swept apart, since they are many.
select jobs.wake(due.task, due.subject) from (
  select 'platform.inbox' as task, '' as subject
  union all select 'platform.outbox', ''
  union all select 'platform.updates', ''
  union all select 'platform.checkpoint', ''
  union all select 'platform.decide', '' where exists (select from transfers.instructions where state = 'SUBMITTED')
  union all select distinct 'platform.propose', chain || ' ' || wallet from transfers.instructions where state = 'SCREENING'
  union all select 'platform.credit', chain from watch.deposits where state = 'SEEN' and reorganisation is null
    union select 'platform.credit', chain from watch.deposits where state = 'CREDITED' and reorganisation is not null
    union select 'platform.credit', chain from watch.outflows
      where reorganisation is not null and (settled or (proposal is not null and not returned))
    union select 'platform.credit', chain from transfers.shortfalls where not recovered
  union all select 'platform.session', nonce from transfers.sessions where clear is not null and not exported
) due
where not exists (
  select from jobs.procrastinate_jobs j where j.lock = due.task || ':' || due.subject and j.status = 'todo');

-- sweep_dockets --
-- Dockets in a state that has a step of the platform's.
select jobs.wake('platform.docket', d.proposal) from transfers.dockets d
where d.state = any(%(states)s) and not exists (
  select from jobs.procrastinate_jobs j where j.lock = 'platform.docket:' || d.proposal and j.status = 'todo');

-- sweep_subjects --
-- The same for tasks whose subjects a program knows by itself, such as its chains.
select jobs.wake(%(task)s, s.subject) from unnest(%(subjects)s::text[]) as s (subject)
where not exists (
  select from jobs.procrastinate_jobs j where j.lock = %(task)s || ':' || s.subject and j.status = 'todo');
