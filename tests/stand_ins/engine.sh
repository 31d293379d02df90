#!/bin/sh
# Start a container engine from a folder with a Debian, make its images, run tests/try_compose.py: engine.sh FOLDER …
#
# In namespaces of its own for mounts, the network and processes: nobody else is reached, and all ends with this script.
set -eu
work="$1"
shift
root="$work/debian"

mount --bind "$root" "$root"
mkdir -p "$root$PWD" "$root/var/lib/docker"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
ip link set lo up

mkdir "$work/bin"
printf '#!/bin/sh\nexec chroot "%s" env --chdir="$PWD" /usr/bin/docker "$@"\n' "$root" >"$work/bin/docker"
chmod 755 "$work/bin/docker"
PATH="$work/bin:$PATH"

# Its root is the folder, not only a chroot: what an engine runs in a container begins at the root of its mounts.
unshare --mount sh -c 'cd "$0" && pivot_root . mnt && exec dockerd --log-level=warn --cgroup-parent="/$1"' \
    "$root" "${work##*/}" >"$work/log" 2>&1 &
for _ in $(seq 100); do
    docker info >/dev/null 2>&1 && break
    sleep 0.2
done
docker info >/dev/null || { cat "$work/log" >&2; exit 1; }

add() { docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$1" >>"$work/log"; }
tar -C "$root" --one-file-system --exclude='*docker*' --exclude='*containerd*' --exclude=./usr/share/doc --exclude=./usr/share/locale -c . |
    add stand-in
tar -C "$work/python" -c . | add "$(sed -n 's/^FROM \([^ ]*\)$/\1/p' Dockerfile)"
# The project, and what the tests make, are from now on where they are outside.
mount --bind "$PWD" "$root$PWD"
mount --bind /tmp "$root/tmp"
for image in postgres pgbouncer nginx; do
    name="$(sed -n "s/^ *image: \(.*$image.*\)/\1/p" compose.yaml)"
    docker build --quiet --target $image --tag "$name" tests/stand_ins >>"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
done

"${PYTHON:-.venv/bin/python}" -m pytest tests/try_compose.py "$@"
