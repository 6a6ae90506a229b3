#!/bin/sh
# Run once by PostgreSQL's image, when its data are made: a database for each service, and a role of the same name that
# owns it and may not connect to the others. Passwords come from files, /run/secrets/<database>_password.
set -eu

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --command 'REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC'

# Nobody takes the others' connections: two replicas' at their most (16 each, a gateway's 28), one that starts, a migration.
for role in gateway_service:84 inventory_service:40 pricing_service:40 identity_service:32; do
    name=${role%:*}
    # psql reads the password itself, so that it stands in no process's arguments.
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set name="$name" --set connections="${role#*:}" --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set file /run/secrets/ :name _password
\set password `cat :file`
CREATE ROLE :"name" LOGIN CONNECTION LIMIT :connections PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done

# The engine of orders asks there whether its database exists, and warns each time that it may not.
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --command 'GRANT CONNECT ON DATABASE postgres TO gateway_service'
