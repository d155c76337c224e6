#!/bin/sh
# The figures of docs/performance.md, with the release programs, as a Markdown table. Ends by itself; each run is bounded.
# Arguments: names of runs, all if none is given. BIN=folder of the programs.
set -u
cd "$(dirname "$0")/.." || exit 1
bin=${BIN:-target/release}
runs=${*:-low keys storm calls media concurrent idle directory}
ulimit -n "$(ulimit -Hn)"
status=0
echo "$(date -u +%F), $(nproc) cores, Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
echo
"$bin/lianfang-loadtest" head
for run in $runs; do
    [ "$run" = directory ] && continue
    timeout -k 10 400 "$bin/lianfang-loadtest" run "loadtest/scenarios/$run.toml" --service "$bin/lianfang" --row || {
        echo "| $run | failed with status $? | | | | | |"
        status=1
    }
done
case " $runs " in *" directory "*)
    echo
    timeout -k 10 900 "$bin/lianfang-loadtest" load-time 100000 --service "$bin/lianfang" || status=1
    ;;
esac
exit $status
