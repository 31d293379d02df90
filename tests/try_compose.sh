#!/bin/sh
# Run tests/try_compose.py where no container engine is: with Debian's own, which is started for it. Needs root and Linux.
#
# A Debian in a folder has the engine and what stands for three of the images (tests/stand_ins); the fourth is this
# machine's Python. It is a newer Debian than the machine's may be, since compose.yaml needs nginx 1.27.3 and Compose 2.23.
set -eu
cd "$(dirname "$0")/.."

if ! unshare --mount --net --pid --fork true 2>/dev/null; then
    echo "compose.yaml is not tried: an engine needs root, and namespaces of its own." >&2
    exit 0
fi
if ! command -v mmdebstrap >/dev/null || ! command -v ip >/dev/null; then
    echo "compose.yaml is not tried: install mmdebstrap and iproute2, which are Debian's packages of these names." >&2
    exit 0
fi

work="$(mktemp -d)"
chmod 755 "$work"

clean_up() {
    status=$?
    # Its processes have ended with their namespace; their groups, which are empty now, are left.
    find /sys/fs/cgroup -depth -type d -path "*/${work##*/}*" -exec rmdir {} + 2>/dev/null || true
    rm -rf --one-file-system "$work"
    exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# A copy of Debian's archive may be older than its signature says that it should be.
mmdebstrap --quiet --mode=root --variant=apt --dpkgopt=force-unsafe-io \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=docker.io,docker-cli,docker-compose,docker-buildx,iptables,nginx,postgresql-18,pgbouncer,netcat-openbsd \
    --setup-hook='mkdir -p "$1/etc/postgresql-common"' \
    --setup-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
    forky "$work/debian" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
sh tests/stand_ins/python.sh "$work/python" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
unshare --mount --net --pid --fork --kill-child --mount-proc sh tests/stand_ins/engine.sh "$work" "$@"
