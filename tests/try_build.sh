#!/bin/sh
# Build the image where no container engine is, with buildah, and try what it starts. Needs root and Linux.
#
# tests/stand_ins/python.sh makes what stands for python:3.11-slim. tests/try_compose.py tries the image in compose.yaml.
set -eu
cd "$(dirname "$0")/.."

PYTHON="${PYTHON:-.venv/bin/python}"
PORT="${PORT:-8098}" ADMIN_PORT="${ADMIN_PORT:-8097}"
BASE_IMAGE="$(sed -n 's/^FROM \([^ ]*\)$/\1/p' Dockerfile)"

if [ "$(id -u)" != 0 ] || ! unshare --mount true 2>/dev/null; then
    echo "The image is not built: buildah makes its roots only as root, and where mounts are allowed." >&2
    exit 0
fi
if ! command -v buildah >/dev/null; then
    echo "The image is not built: install buildah, which is Debian's package of that name." >&2
    # CI installs it, so that there it cannot be missing without a reason.
    [ -z "${CI:-}" ] && exit 0 || exit 1
fi

work="$(mktemp -d)"
chmod 755 "$work"
log="$work/log"

builder() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$driver" "$@"; }
inside() { builder run --isolation chroot --env SERVICE_API_KEYS='["k"]' --env PORT="$PORT" --env ADMIN_PORT="$ADMIN_PORT" \
    --env DATABASE_URL=postgresql://127.0.0.1:9/none "$container" -- "$@"; }

clean_up() {
    status=$?
    [ $status -eq 0 ] || { echo "The log of the build and of the service:" >&2; cat "$log" >&2 || true; }
    builder rm --all >/dev/null 2>&1 || true
    rm -rf "$work"
    exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

expect() { [ "$2" = "$3" ] || { echo "$1: expected $2, got $3" >&2; exit 1; }; }

# Layers over each other where the kernel can do it here, else whole copies, which take longer.
driver=overlay
builder info >/dev/null 2>&1 || { driver=vfs; rm -rf "$work/storage" "$work/run"; }

base="$work/base"
sh tests/stand_ins/python.sh "$base" >"$log" 2>&1

container="$(builder from scratch)"
builder copy --quiet "$container" "$base" / >>"$log"
builder config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
builder commit --quiet "$container" "docker.io/library/$BASE_IMAGE" >>"$log" 2>&1
builder build --isolation chroot --pull-never --format docker \
    --tag flux-dao-service . >>"$log" 2>&1
container="$(builder from --pull-never flux-dao-service)"

expect "Who serves" 10001 "$(inside id -u)"
expect "What starts" "[gunicorn wsgi:app]" "$(builder inspect --format '{{.OCIv1.Config.Cmd}}' "$container")"
inside sh -c 'for place in / /srv/flux /srv/flux/app /opt/venv; do [ ! -w $place ] || exit 1; done' ||
    { echo "The service may write where its code is." >&2; exit 1; }
inside flask settings >>"$log"

inside gunicorn wsgi:app >>"$log" 2>&1 &
service=$!
ask="import urllib.request as u; print(u.urlopen('http://127.0.0.1:$ADMIN_PORT/health', timeout=2).read().decode())"
for _ in $(seq 300); do
    healthy="$("$PYTHON" -c "$ask" 2>/dev/null)" && break
    sleep 0.2
done
expect "What /health says" '{"status":"ok"}' "${healthy:-nothing}"
kill -TERM "$(sed -n 's/.*Listening at: .*(\([0-9]*\)).*/\1/p' "$log")"
wait "$service" && status=0 || status=$?
expect "The exit status after a TERM" 0 "$status"
echo "The image is built with buildah, and works."
