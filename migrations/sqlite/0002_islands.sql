-- Islands: the token of whoever writes for each, and what they send to each other.

CREATE TABLE islands (
    job    INTEGER NOT NULL REFERENCES jobs (number),
    island INTEGER NOT NULL,
    token  INTEGER NOT NULL, -- of the newest lease ever given out
    PRIMARY KEY (job, island)
) STRICT, WITHOUT ROWID;

CREATE TABLE migrants (
    number   INTEGER PRIMARY KEY,
    job      INTEGER NOT NULL REFERENCES jobs (number),
    receiver INTEGER NOT NULL,
    epoch    INTEGER NOT NULL,
    sender   INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    UNIQUE (job, receiver, epoch, sender)
) STRICT;

-- Asked for by every node, again and again.
CREATE INDEX jobs_running ON jobs (created_at) WHERE state = 'running';
