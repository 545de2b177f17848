-- Statements of the approval devices' endpoints. Format: a header `-- name --`, one line that says why, one statement.

-- admit --
-- Once and not too often; the database remembers, so that several servers share one memory.
select approvals.admit(%(device)s, %(nonce)s, %(at)s, %(oldest)s, %(most)s) as answer;

-- load_governance --
-- Roots and rosters that are not known yet.
select idx, kind, leaf from approvals.governance(%(first)s);

-- load_packages --
-- What waits for a device, as much as fits.
select raw, remaining from approvals.packages(%(device)s, %(after)s, %(bytes)s);

-- tell --
-- Ring, once a device and code.
select approvals.tell(%(code)s, %(device)s, %(detail)s) is null as told;

-- bring --
-- Hand a package to the intake, once.
select approvals.bring(%(device)s, %(digest)s, %(raw)s) as outcome;
