-- Jobs, the lease of whoever runs each, and what they paid for and made.
--
-- Times are milliseconds since the Unix epoch; keys and ids are the 16 bytes of a content hash. Numbers that have no
-- sign and 32 bits where they are made do not fit an INTEGER, hence BIGINT throughout. PostgreSQL holds no NUL in a
-- text: one is written as U+FDD0 and 0, and U+FDD0 itself as U+FDD0 and 1. JSON stands as it was written, and has a way
-- of its own to write a NUL.

-- By what time leases expire: a test's, or else the server's, the same for all who use it.
CREATE FUNCTION moment(standing BIGINT) RETURNS BIGINT
    LANGUAGE SQL VOLATILE
    AS 'SELECT coalesce(standing, floor(extract(EPOCH FROM clock_timestamp()) * 1000)::BIGINT)';

CREATE TABLE jobs (
    number         BIGINT  PRIMARY KEY GENERATED ALWAYS AS IDENTITY, -- what other tables refer to: shorter than the id
    id             TEXT    COLLATE "C" NOT NULL UNIQUE,
    name           TEXT    NOT NULL,
    algorithm      TEXT    NOT NULL,
    spec           TEXT    NOT NULL, -- JSON
    state          TEXT    NOT NULL CHECK (state IN ('running', 'stopped', 'done', 'failed')),
    stop_requested BOOLEAN NOT NULL DEFAULT FALSE,
    result         TEXT, -- JSON
    error          TEXT,
    created_at     BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL,
    lease_token    BIGINT  NOT NULL DEFAULT 0, -- of the newest lease ever given out
    lease_owner    TEXT    COLLATE "C", -- NULL when no lease is given out, or the newest was ended
    lease_expires  BIGINT,
    CHECK ((lease_owner IS NULL) = (lease_expires IS NULL))
);

CREATE INDEX jobs_by_age ON jobs (created_at);

-- Keyed by content: a job uses what another has paid for.
CREATE TABLE evaluations (
    key             BYTEA            PRIMARY KEY CHECK (length(key) = 16),
    job             BIGINT           NOT NULL REFERENCES jobs (number),
    candidate       BYTEA            NOT NULL CHECK (length(candidate) = 16),
    "case"          BYTEA            NOT NULL CHECK (length("case") = 16),
    split           TEXT             NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    repeat          BIGINT           NOT NULL,
    score           DOUBLE PRECISION NOT NULL,
    dollars         DOUBLE PRECISION NOT NULL,
    latency_seconds DOUBLE PRECISION NOT NULL,
    output_length   BIGINT           NOT NULL,
    output          TEXT             NOT NULL,
    feedback        TEXT             NOT NULL,
    input_tokens    BIGINT           NOT NULL,
    output_tokens   BIGINT           NOT NULL,
    model_calls     BIGINT           NOT NULL,
    at              BIGINT           NOT NULL
);

CREATE INDEX evaluations_by_job ON evaluations (job);

CREATE TABLE proposals (
    key           BYTEA            PRIMARY KEY CHECK (length(key) = 16),
    job           BIGINT           NOT NULL REFERENCES jobs (number),
    text          TEXT             NOT NULL,
    truncated     BOOLEAN          NOT NULL,
    dollars       DOUBLE PRECISION NOT NULL,
    input_tokens  BIGINT           NOT NULL,
    output_tokens BIGINT           NOT NULL,
    at            BIGINT           NOT NULL
);

CREATE INDEX proposals_by_job ON proposals (job);

CREATE TABLE candidates (
    number           BIGINT           PRIMARY KEY GENERATED ALWAYS AS IDENTITY, -- the order in which they were written
    job              BIGINT           NOT NULL REFERENCES jobs (number),
    island           BIGINT           NOT NULL,
    id               BYTEA            NOT NULL CHECK (length(id) = 16),
    ordinal          BIGINT           NOT NULL,
    content          TEXT             NOT NULL, -- JSON
    parents          TEXT             NOT NULL, -- JSON list of ids
    operator         TEXT             NOT NULL,
    generation       BIGINT           NOT NULL,
    validation_score DOUBLE PRECISION,
    validation_cases BIGINT           NOT NULL,
    outcome          TEXT             NOT NULL,
    UNIQUE (job, island, id)
);

-- Only the newest of each island.
CREATE TABLE checkpoints (
    job      BIGINT NOT NULL REFERENCES jobs (number),
    island   BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (job, island)
);

CREATE TABLE history (
    job         BIGINT           NOT NULL REFERENCES jobs (number),
    island      BIGINT           NOT NULL,
    sequence    BIGINT           NOT NULL,
    evaluations BIGINT           NOT NULL,
    dollars     DOUBLE PRECISION NOT NULL,
    best        DOUBLE PRECISION NOT NULL,
    mean        DOUBLE PRECISION NOT NULL,
    diversity   DOUBLE PRECISION NOT NULL,
    population  BIGINT           NOT NULL,
    at          BIGINT           NOT NULL,
    PRIMARY KEY (job, island, sequence)
);
