-- The journal is the table `entry`. Everything below it is an index: derived from the entries' marks in the same
-- transaction, rebuilt and compared when the journal is opened.

CREATE TABLE entry (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    time TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
) STRICT;

-- These two stop mistakes of our own code; what stops an attacker is the chain.
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never changed');
END;

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
BEGIN
    SELECT RAISE(ABORT, 'an entry is never deleted');
END;

-- Which twin of a proposal was bound; both may be, the transfer first.
CREATE TABLE binding (
    proposal TEXT NOT NULL,
    twin TEXT NOT NULL CHECK (twin IN ('transfer', 'void')),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    entry INTEGER NOT NULL,
    PRIMARY KEY (proposal, twin)
) STRICT, WITHOUT ROWID;

-- A spend and an instruction belong to one proposal, or to one and its replacements.
CREATE TABLE commitment (
    spend TEXT NOT NULL,
    proposal TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (spend, proposal)
) STRICT, WITHOUT ROWID;

CREATE TABLE instruction_use (
    instruction TEXT NOT NULL,
    proposal TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (instruction, proposal)
) STRICT, WITHOUT ROWID;

CREATE TABLE signed_r (
    r TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clear_use (
    clear TEXT PRIMARY KEY,
    nonce TEXT NOT NULL UNIQUE,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE head (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE freeze (
    freeze TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE freeze_lift (
    freeze TEXT PRIMARY KEY,
    lift TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE package (
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    party TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (direction, party, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    entry INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    root TEXT NOT NULL,
    time TEXT NOT NULL
) STRICT;

CREATE TABLE prices (
    entry INTEGER PRIMARY KEY,
    as_of TEXT NOT NULL
) STRICT;

-- units, fee and hkd_cents are decimal strings: wei do not fit into SQLite's 64-bit integers. No price: 'none'.
CREATE TABLE limit_use (
    rule TEXT NOT NULL,
    asset TEXT NOT NULL,
    instruction TEXT NOT NULL,
    units TEXT NOT NULL,
    fee TEXT NOT NULL,
    hkd_cents TEXT NOT NULL,
    time TEXT NOT NULL,
    entry INTEGER NOT NULL,
    PRIMARY KEY (rule, instruction)
) STRICT, WITHOUT ROWID;

-- Who was paid how much from here, for the people who read the next one. units: decimal, as above; no leading zeros.
CREATE TABLE paid (
    instruction TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    client TEXT NOT NULL,
    asset TEXT NOT NULL,
    units TEXT NOT NULL,
    time TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX paid_by_destination ON paid (destination, time);
CREATE INDEX paid_by_client ON paid (client, asset, time);

CREATE TABLE pin_failure (
    token TEXT PRIMARY KEY,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The codes that each person operates with, in hex: the last ones that they set.
CREATE TABLE codes (
    person TEXT PRIMARY KEY,
    salt TEXT NOT NULL,
    slots TEXT NOT NULL,
    entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
