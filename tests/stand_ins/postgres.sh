#!/bin/sh
# As the image postgres:18: a new volume gets a database with this user and this password; an old one stays as it is.
set -eu
data=/var/lib/postgresql/18/docker
become="setpriv --reuid=postgres --regid=postgres --clear-groups"
install -d -o postgres -g postgres /run/postgresql /var/run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
    install -d -o postgres -g postgres -m 700 "$data"
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    chmod 644 /tmp/password
    $become initdb --pgdata="$data" --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust \
        --auth-host=trust --encoding=UTF8 --locale=C.UTF-8
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    # Until it is set up, it is reached by its socket alone.
    $become pg_ctl --pgdata="$data" --wait --options="-c listen_addresses=''" start
    $become createdb --username="$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB"
    $become pg_ctl --pgdata="$data" --wait --mode=fast stop
fi
exec $become postgres -D "$data" -c listen_addresses='*'
