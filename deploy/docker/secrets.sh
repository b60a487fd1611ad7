#!/usr/bin/env bash
# Makes the passwords and keys of a trial, each once, in files that only their readers see: one folder for each party, which
# is mounted at /run/secrets there and nowhere else. Runs before anything else, as root in a container of its own.
#
# SECRETS, STATE: the folders' folders. SERVICES, GRAFANA, SCHEMA_REGISTRY: who reads and owns them (user:group of the images).
set -euo pipefail
umask 077

secrets=${SECRETS:-/secrets}
state=${STATE:-/state}
services=${SERVICES:-65532:65532}
grafana=${GRAFANA:-472:0}
schema_registry=${SCHEMA_REGISTRY:-1001:0}

# secret BYTES FILE [COPY…]: random hexadecimal digits, the same in every file.
secret() {
    local bytes=$1 file=$secrets/$2 copy
    shift 2
    if [[ ! -s $file ]]; then
        # Whole or not at all: what is there once is used.
        head -c "$bytes" /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$file.partial"
        mv "$file.partial" "$file"
    fi
    for copy in "$@"; do
        cp --force "$file" "$secrets/$copy"
    done
}

mkdir -p "$secrets"/{agencies,registry,sectors,users,capture,inbox,registry-capture,reconciler,dispatcher,console,grafana}

# The owners of the three servers, and the people who sign in at the console.
for server in agencies registry sectors; do
    secret 16 "$server/password"
done
for user in steward approver reader; do
    secret 16 "users/$user"
done
# Roles of the services.
secret 16 capture/password
secret 16 inbox/password
secret 16 registry-capture/password
secret 16 reconciler/password
secret 16 dispatcher/password
for agreement in education health_province vss_insurance; do
    secret 16 "dispatcher/$agreement"
done
secret 16 console/password
secret 16 console/registry-password
# Keys: fingerprints of values are compared between reconciler and console, references are the dispatcher's alone.
secret 32 reconciler/fingerprint.key console/fingerprint.key
secret 32 dispatcher/disclosure.key
secret 16 grafana/admin

chown -R "$services" "$secrets"/{agencies,registry,sectors,users,capture,inbox,registry-capture,reconciler,dispatcher,console}
chown -R "$grafana" "$secrets/grafana"
find "$secrets" -type f -exec chmod 0400 {} +

# Folders that a new volume gives to root.
for folder in "$state"/schema-ids "$state"/schema-registry; do
    mkdir -p "$folder"
done
chown "$services" "$state/schema-ids"
chown "$schema_registry" "$state/schema-registry"
chmod 0750 "$state"/schema-ids "$state"/schema-registry
