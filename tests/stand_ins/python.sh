#!/bin/sh
# Make a folder that stands for python:3.11-slim, which comes from a registry: python.sh FOLDER
#
# In it are this machine's Python, a shell and useradd, with the libraries they need and those of C, which every Debian
# has, and nothing else. So the Dockerfile's steps run as they are, and what the service needs must come from them. The
# wheels lie in it too: a build has no network, and needs none of this machine's settings for pip.
set -eu
base="$1"
PYTHON="${PYTHON:-.venv/bin/python}"

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

prefix="$("$PYTHON" -c 'import sys; print(sys.base_prefix)')"
version="$("$PYTHON" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"
for folder in usr/local/bin usr/local/lib etc root proc sys dev wheels; do mkdir -p "$base/$folder"; done
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
"$PYTHON" -m pip download --retries 10 --quiet --disable-pip-version-check --only-binary :all: \
    --dest "$base/wheels" --requirement requirements.txt
printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$base/etc/pip.conf"
