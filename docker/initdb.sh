#!/bin/sh
# Runs once, when the volume of the database is empty: the owner of the tables, the role of the application, the database.
# Each password stands in one place only, the address that its user reads; write it with letters and digits.
set -eu

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set owner_password `sed 's#^[^:]*://[^:]*:\([^@]*\)@.*#\1#' /run/secrets/owner_database_url`
\set app_password `sed 's#^[^:]*://[^:]*:\([^@]*\)@.*#\1#' /run/secrets/database_url`
CREATE ROLE ramu_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE ramu_app LOGIN PASSWORD :'app_password';
CREATE DATABASE ramu OWNER ramu_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE ramu FROM PUBLIC;
GRANT CONNECT ON DATABASE ramu TO ramu_app;
SQL
