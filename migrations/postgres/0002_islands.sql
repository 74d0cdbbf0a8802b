-- Islands: the token of whoever writes for each, and what they send to each other.

CREATE TABLE islands (
    job    BIGINT NOT NULL REFERENCES jobs (number),
    island BIGINT NOT NULL,
    token  BIGINT NOT NULL, -- of the newest lease ever given out
    PRIMARY KEY (job, island)
);

CREATE TABLE migrants (
    job      BIGINT NOT NULL REFERENCES jobs (number),
    receiver BIGINT NOT NULL,
    epoch    BIGINT NOT NULL,
    sender   BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (job, receiver, epoch, sender)
);

-- What tells this database from all others: nodes of a cluster must share one.
CREATE TABLE identity (
    id TEXT NOT NULL
);

INSERT INTO identity SELECT gen_random_uuid()::text;

-- Asked for by every node, again and again.
CREATE INDEX jobs_running ON jobs (created_at) WHERE state = 'running';
