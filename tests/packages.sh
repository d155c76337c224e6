#!/bin/sh
# Installs the foreign programs that the tests use, or names them: Debian packages, and three below target/.
set -eu
# Debian keeps servers where only root looks for programs.
PATH="$PATH:/usr/sbin"
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need cc gcc
need sipp sip-tester
need baresip baresip-core
need espeak-ng espeak-ng
need nginx nginx-light
need caddy caddy
need chromium chromium
need chromedriver chromium-driver
need npm npm
need python3 python3
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fc-list 2>/dev/null | grep -qi "noto.*cjk" || missing="$missing fonts-noto-cjk fontconfig"
axe() {
    folder="$(dirname "$0")/../target/browser"
    [ -f "$folder/package/axe.min.js" ] && return 0
    mkdir -p "$folder"
    (cd "$folder" && npm pack --silent axe-core@4.14.1 >/dev/null && tar xzf axe-core-4.14.1.tgz)
}
acorn() {
    folder="$(dirname "$0")/../target/browser"
    [ -f "$folder/acorn/bin/acorn" ] && return 0
    mkdir -p "$folder/acorn"
    (cd "$folder" && npm pack --silent acorn@8.15.0 >/dev/null && tar xzf acorn-8.15.0.tgz --strip-components=1 -C acorn)
}
schemathesis() {
    folder="$(dirname "$0")/../target/schemathesis"
    [ -x "$folder/bin/schemathesis" ] && return 0
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5
}
[ -z "$missing" ] && axe && acorn && schemathesis && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
else
    echo "These Debian packages are missing, please install them:$missing" >&2
    exit 1
fi
axe
acorn
schemathesis
