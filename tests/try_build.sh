#!/bin/sh
# Build the image where no container engine is, with buildah, and try what it starts. Needs root and Linux.
#
# In the place of python:3.11-slim, which comes from a registry, stands a folder that is made here: this machine's Python,
# a shell and useradd, with the libraries they need and those of C, which every Debian has, and nothing else. So the Dockerfile's steps run as they are, and what
# the service needs must come from them. tests/try_image.sh tries the real image, where an engine is.
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

# A program, and the libraries that it loads, at the same places below the folder.
bring() {
    for file; do
        mkdir -p "$base$(dirname "$file")"
        cp -L "$file" "$base$file"
        ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | sort -u | while read -r library; do
            mkdir -p "$base$(dirname "$library")"
            [ -e "$base$library" ] || cp -L "$library" "$base$library"
        done
    done
}

# Layers over each other where the kernel can do it here, else whole copies, which take longer.
driver=overlay
builder info >/dev/null 2>&1 || { driver=vfs; rm -rf "$work/storage" "$work/run"; }

base="$work/base"
prefix="$("$PYTHON" -c 'import sys; print(sys.base_prefix)')"
version="$("$PYTHON" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"
mkdir -p "$base/usr/local/bin" "$base/usr/local/lib" "$base/etc" "$base/root" "$base/proc" "$base/sys" "$base/dev" "$work/wheels"
mkdir -m 1777 "$base/tmp"
tar -C "$prefix/lib" --exclude=site-packages --exclude=test --exclude=ensurepip --exclude=idlelib --exclude=tkinter --exclude=lib2to3 --exclude=__pycache__ --exclude='config-*' -c "$version" |
    tar -C "$base/usr/local/lib" -x
bring "$prefix/bin/$version" /bin/sh /usr/bin/env /usr/bin/id /usr/sbin/useradd
for library in libgcc_s.so.1 libc.so.6 libm.so.6 librt.so.1 libdl.so.2 libpthread.so.0 libutil.so.1 libresolv.so.2; do
    bring "$(ldconfig -p | sed -n "s/.*$library .* => //p" | head -n 1)"
done
for extension in "$base/usr/local/lib/$version/lib-dynload/"*.so; do
    bring "$prefix/lib/$version/lib-dynload/$(basename "$extension")"
done
cp "$base$prefix/bin/$version" "$base/usr/local/bin/python"
cp -r "$("$PYTHON" -c 'import os, pip; print(os.path.dirname(pip.__file__))')" "$base/usr/local/lib/$version/pip"
printf '#!/bin/sh\nexec python -m pip "$@"\n' >"$base/usr/local/bin/pip"
chmod 755 "$base/usr/local/bin/pip"
echo 'root:x:0:0:root:/root:/bin/sh' >"$base/etc/passwd"
echo 'root:x:0:' >"$base/etc/group"
# The build finds its wheels in a folder: it has no network, and needs none of this machine's settings for pip.
"$PYTHON" -m pip download --retries 10 --quiet --disable-pip-version-check --only-binary :all: \
    --dest "$work/wheels" --requirement requirements.txt >"$log" 2>&1
printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$base/etc/pip.conf"

container="$(builder from scratch)"
builder copy --quiet "$container" "$base" / >>"$log"
builder config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
builder commit --quiet "$container" "docker.io/library/$BASE_IMAGE" >>"$log" 2>&1
builder build --isolation chroot --pull-never --format docker --volume "$work/wheels:/wheels:ro" \
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
