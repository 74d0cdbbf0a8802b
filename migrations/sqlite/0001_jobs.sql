-- Jobs, the lease of whoever runs each, and what they paid for and made.
--
-- Times are milliseconds since the Unix epoch; keys and ids are the 16 bytes of a content hash.

CREATE TABLE jobs (
    number         INTEGER PRIMARY KEY, -- what other tables refer to: shorter than the id
    id             TEXT    NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    algorithm      TEXT    NOT NULL,
    spec           TEXT    NOT NULL, -- JSON
    state          TEXT    NOT NULL CHECK (state IN ('running', 'stopped', 'done', 'failed')),
    stop_requested INTEGER NOT NULL DEFAULT 0 CHECK (stop_requested IN (0, 1)),
    result         TEXT, -- JSON
    error          TEXT,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    lease_token    INTEGER NOT NULL DEFAULT 0, -- of the newest lease ever given out
    lease_owner    TEXT, -- NULL when no lease is given out, or the newest was ended
    lease_expires  INTEGER,
    CHECK ((lease_owner IS NULL) = (lease_expires IS NULL))
) STRICT;

CREATE INDEX jobs_by_age ON jobs (created_at);

-- Keyed by content: a job uses what another has paid for. The rows stand in the order of their arrival, so that
-- long answers are appended and only the short keys are sorted in.
CREATE TABLE evaluations (
    number          INTEGER PRIMARY KEY,
    key             BLOB    NOT NULL UNIQUE CHECK (length(key) = 16),
    job             INTEGER NOT NULL REFERENCES jobs (number),
    candidate       BLOB    NOT NULL CHECK (length(candidate) = 16),
    "case"          BLOB    NOT NULL CHECK (length("case") = 16),
    split           TEXT    NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    repeat          INTEGER NOT NULL,
    score           REAL    NOT NULL,
    dollars         REAL    NOT NULL,
    latency_seconds REAL    NOT NULL,
    output_length   INTEGER NOT NULL,
    output          TEXT    NOT NULL,
    feedback        TEXT    NOT NULL,
    input_tokens    INTEGER NOT NULL,
    output_tokens   INTEGER NOT NULL,
    model_calls     INTEGER NOT NULL,
    at              INTEGER NOT NULL
) STRICT;

CREATE INDEX evaluations_by_job ON evaluations (job);

CREATE TABLE proposals (
    number        INTEGER PRIMARY KEY,
    key           BLOB    NOT NULL UNIQUE CHECK (length(key) = 16),
    job           INTEGER NOT NULL REFERENCES jobs (number),
    text          TEXT    NOT NULL,
    truncated     INTEGER NOT NULL,
    dollars       REAL    NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    at            INTEGER NOT NULL
) STRICT;

CREATE INDEX proposals_by_job ON proposals (job);

CREATE TABLE candidates (
    number           INTEGER PRIMARY KEY,
    job              INTEGER NOT NULL REFERENCES jobs (number),
    island           INTEGER NOT NULL,
    id               BLOB    NOT NULL CHECK (length(id) = 16),
    ordinal          INTEGER NOT NULL,
    content          TEXT    NOT NULL, -- JSON
    parents          TEXT    NOT NULL, -- JSON list of ids
    operator         TEXT    NOT NULL,
    generation       INTEGER NOT NULL,
    validation_score REAL,
    validation_cases INTEGER NOT NULL,
    outcome          TEXT    NOT NULL,
    UNIQUE (job, island, id)
) STRICT;

-- Only the newest of each island.
CREATE TABLE checkpoints (
    job      INTEGER NOT NULL REFERENCES jobs (number),
    island   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (job, island)
) STRICT;

CREATE TABLE history (
    job         INTEGER NOT NULL REFERENCES jobs (number),
    island      INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    evaluations INTEGER NOT NULL,
    dollars     REAL    NOT NULL,
    best        REAL    NOT NULL,
    mean        REAL    NOT NULL,
    diversity   REAL    NOT NULL,
    population  INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (job, island, sequence)
) STRICT, WITHOUT ROWID;
