#!/usr/bin/env bash
# Makes what the services need and what is not there yet: roles, databases, the agencies' and sectors' own tables, our tables,
# the rights of each role, agreements in force, users of the console. May be run again at any time. Topics and schemas are made
# by the services that own them.
#
# AGENCIES, REGISTRY, SECTORS: host:port of the servers. SECRETS: a folder for each party, as secrets.sh makes them.
# CONFIG: owner-*.toml. SHARE: the project's files.
set -euo pipefail

agencies=${AGENCIES:-agencies:5432}
registry=${REGISTRY:-registry:5432}
sectors=${SECTORS:-sectors:5432}
secrets=${SECRETS:-/run/secrets}
config=${CONFIG:-/etc/dansync}
share=${SHARE:-/usr/share/dansync}

say() { printf '%s\n' "$*" >&2; }

# sql SERVER DATABASE [psql's arguments…]: as the server's owner; stops at the first error.
sql() {
    local server=${!1} password=$secrets/$1/password database=$2
    shift 2
    PGPASSWORD=$(<"$password") psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
        --host "${server%:*}" --port "${server#*:}" --username postgres --dbname "$database" "$@"
}

# role SERVER NAME ATTRIBUTE PASSWORD_FILE: a login with that password. psql reads the file, so that it is no argument.
role() {
    sql "$1" postgres --set "name=$2" --set "file=$secrets/$4" <<SQL
\\set password \`cat :'file'\`
select format('create role %I', :'name') where not exists (select from pg_roles where rolname = :'name') \\gexec
alter role :"name" login $3 password :'password';
SQL
}

# database SERVER NAME ROLE…: open to these roles and to nobody else.
database() {
    local server=$1 name=$2 guest
    sql "$server" postgres --set "name=$name" <<'SQL'
select format('create database %I', :'name') where not exists (select from pg_database where datname = :'name') \gexec
revoke all on database :"name" from public;
SQL
    for guest in "${@:3}"; do
        sql "$server" postgres --set "name=$name" --set "guest=$guest" <<<'grant connect on database :"name" to :"guest";'
    done
}

# tables SERVER DATABASE FILE: runs the file in one transaction unless there are tables.
tables() {
    local found
    found=$(sql "$1" "$2" --command "select count(*) from pg_stat_user_tables")
    if [[ $found == 0 ]]; then
        sql "$1" "$2" --single-transaction --file "$share/$3"
    fi
}

say "databases of the agencies"
role agencies dansync_capture replication capture/password
for source in civil_status residence identity medical; do
    database agencies "$source" dansync_capture
    tables agencies "$source" "tests/fixtures/sources/$source.sql"
    # What is published may be read; nothing else.
    sql agencies "$source" <<'SQL'
select distinct format('grant usage on schema %I to dansync_capture', schemaname)
from pg_publication_tables where pubname = 'dansync' \gexec
select format('grant select on %I.%I to dansync_capture', schemaname, tablename)
from pg_publication_tables where pubname = 'dansync' \gexec
SQL
done

say "in-trays of the agencies"
role agencies dansync_inbox noreplication inbox/password
for inbox in "$share"/deploy/inboxes/*.toml; do
    source=$(basename "$inbox" .toml)
    table=$(sed -n 's/^table = "\([a-z0-9_.]*\)"$/\1/p' "$inbox")
    positions=$(sed -n 's/^positions = "\([a-z0-9_.]*\)"$/\1/p' "$inbox")
    database agencies "$source" dansync_capture dansync_inbox
    sql agencies "$source" <<SQL
grant usage on schema ${table%.*} to dansync_inbox;
grant select, insert, update on $table, $positions to dansync_inbox;
SQL
done

say "databases of the sectors"
for mapping in "$share"/deploy/sectors/*.toml; do
    agreement=$(basename "$mapping" .toml)
    writer=dansync_$agreement
    # Each line names one thing: the table, the guard, the reference's column, a field's column.
    table=$(sed -n 's/^table = "\([a-z0-9_.]*\)"$/\1/p' "$mapping")
    guard=$(sed -n 's/^guard = "\([a-z0-9_.]*\)"$/\1/p' "$mapping")
    columns=$(sed -n 's/.*column = "\([a-z0-9_]*\)".*/\1/p' "$mapping" | paste --serial --delimiters=,)
    role sectors "$writer" noreplication "dispatcher/$agreement"
    database sectors "$agreement" "$writer"
    tables sectors "$agreement" "tests/fixtures/sectors/$agreement.sql"
    sql sectors "$agreement" <<SQL
grant usage on schema ${table%.*} to $writer;
grant select, insert, update, delete on $guard to $writer;
grant select, delete on $table to $writer;
grant insert ($columns), update ($columns) on $table to $writer;
SQL
done

say "registry, disclosure, console"
role registry dansync_reconciler noreplication reconciler/password
role registry dansync_registry_capture replication registry-capture/password
role registry dansync_dispatcher noreplication dispatcher/password
role registry dansync_console noreplication console/registry-password
role agencies dansync_console noreplication console/password
database registry registry dansync_reconciler dansync_registry_capture dansync_console
database registry disclosure dansync_dispatcher dansync_console dansync_reconciler
database agencies console dansync_console dansync_capture
for name in registry disclosure console; do
    dansync migrate "$name" --config "$config/owner-$name.toml" >&2
done

say "agreements"
dansync agreement import "$share/schemas/agreements" --config "$config/owner-disclosure.toml" >&2
for mapping in "$share"/deploy/sectors/*.toml; do
    dansync agreement activate "$(basename "$mapping" .toml)" --as setup --config "$config/owner-disclosure.toml" >&2
done

say "users of the console"
# Two stewards: what moves persons takes a second one.
for user in steward approver reader; do
    role=$user
    [ "$user" = approver ] && role=steward
    dansync console user add "$user" --role "$role" --password-file "$secrets/users/$user" \
        --config "$config/owner-console.toml" >&2
done
