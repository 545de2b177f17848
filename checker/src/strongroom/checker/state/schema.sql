-- What a checker's device remembers. One transaction a change; the journal is synchronous, so that what was promised
-- durable survives a power cut.

-- The device's beliefs as one canonical document (trust_file.py).
CREATE TABLE trust (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    content BLOB NOT NULL
) STRICT;

-- What was answered to each package, by the digest of its bytes: a package that comes again gets the same answer.
CREATE TABLE answers (
    package TEXT PRIMARY KEY,
    file_name TEXT NOT NULL,
    content BLOB NOT NULL,
    accepted INTEGER NOT NULL CHECK (accepted IN (0, 1))
) STRICT;

-- What was released, before it was broadcast: one twin of a proposal; the void beside a transfer that no node ever took.
CREATE TABLE releases (
    proposal TEXT NOT NULL,
    twin TEXT NOT NULL CHECK (twin IN ('transfer', 'void')),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    chain TEXT NOT NULL,
    txid TEXT NOT NULL UNIQUE,
    release_by TEXT NOT NULL,
    signed BLOB NOT NULL,
    release BLOB NOT NULL,
    -- What the broadcast signs as `prev`, known from the docket that was proved.
    broadcast_prev TEXT NOT NULL,
    broadcast BLOB,
    PRIMARY KEY (proposal, twin)
) STRICT;

-- An outpoint or a nonce belongs for ever to one proposal, or to one and its replacements.
CREATE TABLE commitments (
    commitment TEXT NOT NULL,
    proposal TEXT NOT NULL,
    PRIMARY KEY (commitment, proposal)
) STRICT;

-- An instruction is paid by one proposal, or by one of it and its replacements.
CREATE TABLE payments (
    instruction TEXT NOT NULL,
    proposal TEXT NOT NULL,
    PRIMARY KEY (instruction, proposal)
) STRICT;

-- What must not leave, because somebody was forced to sign it, or for a drill. due: when a freeze is said, or a drill is over;
-- until then this gate looks as if its nodes were away. file_name, content: the freeze's package, once it was said.
CREATE TABLE holds (
    proposal TEXT NOT NULL,
    twin TEXT NOT NULL CHECK (twin IN ('transfer', 'void')),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    receiver TEXT NOT NULL,
    is_drill INTEGER NOT NULL CHECK (is_drill IN (0, 1)),
    due TEXT NOT NULL,
    file_name TEXT,
    content BLOB,
    PRIMARY KEY (proposal, twin)
) STRICT;

-- The number of every package's page for the SOC, without gaps: one that somebody keeps from it is missed.
CREATE TABLE pages (
    number INTEGER PRIMARY KEY,
    package TEXT NOT NULL UNIQUE
) STRICT;

-- The first half of every signature that was ever released: the same one twice gives a key away.
CREATE TABLE r_values (
    r BLOB PRIMARY KEY,
    txid TEXT NOT NULL
) STRICT;

CREATE TRIGGER releases_are_kept BEFORE DELETE ON releases
BEGIN SELECT RAISE(ABORT, 'releases are kept'); END;

CREATE TRIGGER releases_do_not_change BEFORE UPDATE OF proposal, twin, attempt, chain, txid, release_by, signed, release, broadcast_prev ON releases
BEGIN SELECT RAISE(ABORT, 'a release does not change'); END;

CREATE TRIGGER commitments_are_kept BEFORE DELETE ON commitments
BEGIN SELECT RAISE(ABORT, 'commitments are kept'); END;

CREATE TRIGGER commitments_do_not_change BEFORE UPDATE ON commitments
BEGIN SELECT RAISE(ABORT, 'a commitment does not change'); END;

CREATE TRIGGER payments_are_kept BEFORE DELETE ON payments
BEGIN SELECT RAISE(ABORT, 'payments are kept'); END;

CREATE TRIGGER payments_do_not_change BEFORE UPDATE ON payments
BEGIN SELECT RAISE(ABORT, 'a payment does not change'); END;

CREATE TRIGGER r_values_are_kept BEFORE DELETE ON r_values
BEGIN SELECT RAISE(ABORT, 'r values are kept'); END;

CREATE TRIGGER r_values_do_not_change BEFORE UPDATE ON r_values
BEGIN SELECT RAISE(ABORT, 'an r value does not change'); END;

CREATE TRIGGER holds_are_kept BEFORE DELETE ON holds
BEGIN SELECT RAISE(ABORT, 'holds are kept'); END;

CREATE TRIGGER pages_are_kept BEFORE DELETE ON pages
BEGIN SELECT RAISE(ABORT, 'pages are kept'); END;
