#!/bin/sh
# Run once, by the image of PostgreSQL, when it makes its files: a database with an owner for the nodes, and a user who
# sees statistics and no data.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
    --set nodes="$(cat /run/secrets/postgres-evohub-password)" \
    --set monitor="$(cat /run/secrets/postgres-monitor-password)" <<'SQL'
CREATE ROLE evohub LOGIN PASSWORD :'nodes';
CREATE DATABASE evohub OWNER evohub;
CREATE ROLE evohub_monitor LOGIN PASSWORD :'monitor' CONNECTION LIMIT 5 IN ROLE pg_monitor;
REVOKE CONNECT ON DATABASE evohub FROM PUBLIC;
GRANT CONNECT ON DATABASE evohub TO evohub_monitor;
\connect evohub
CREATE EXTENSION pg_stat_statements;
SQL
