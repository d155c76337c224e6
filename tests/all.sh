#!/bin/sh
# Every test of the workspace. They are built together; then what mostly waits for other programs runs beside the rest.
set -u
cd "$(dirname "$0")/.." || exit 1
cargo=${CARGO:-cargo}
# Where Debian keeps nginx.
export PATH="$PATH:/usr/sbin"
# SQLite needs a C compiler; what only the tests need is installed while everything is built.
# Who may not install anything is told what is missing before.
if [ "$(id -u)" != 0 ] || ! command -v cc >/dev/null; then
    ./tests/packages.sh || exit 1
fi
./tests/packages.sh &
packages=$!
"$cargo" test --workspace --locked --no-run
built=$?
wait "$packages" && [ "$built" = 0 ] || exit 1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# Runs some targets and shows what they said once they are through.
part() {
    name=$1
    shift
    begun=$(date +%s)
    "$cargo" test --workspace --locked --no-fail-fast "$@" >"$logs/$name.log" 2>&1
    status=$?
    {
        echo "===== $name: status $status after $(($(date +%s) - begun)) s"
        cat "$logs/$name.log"
    }
    [ "$status" = 0 ] && : >"$logs/$name.passed"
}
echo "testing: a browser, foreign programs and the rest, beside each other; each is shown when it is through"
part browser --test console &
part programs --test interop &
part rest --lib --bins --examples --test it --test tidy --test escalation --test simulation &
wait
for name in browser programs rest; do
    [ -e "$logs/$name.passed" ] || failed="${failed:-} $name"
done
[ -z "${failed:-}" ] || { echo "failed:$failed" >&2; exit 1; }
