#!/bin/sh
# Installs the foreign programs that the tests use, or names them. Debian packages only.
set -eu
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need cc gcc
need sipp sip-tester
need baresip baresip-core
need espeak-ng espeak-ng
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
else
    echo "These Debian packages are missing, please install them:$missing" >&2
    exit 1
fi
