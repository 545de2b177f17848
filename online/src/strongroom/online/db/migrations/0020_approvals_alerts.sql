-- The server of the approval devices' endpoints can ring, once for each device and code, and read no alert.

create function approvals.tell(p_code text, p_device text, p_detail text) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into watch.alerts (code, severity, subject, detail)
  values (p_code, case p_code when 'RETIRED_CREDENTIAL_USED' then 'critical' else 'high' end,
    'approval device ' || left(p_device, 100), left(p_detail, 2000))
  on conflict (code, subject) where closed_at is null do nothing
$$;
revoke execute on function approvals.tell(text, text, text) from public;
grant execute on function approvals.tell(text, text, text) to strongroom_approvals;
