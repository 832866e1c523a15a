#!/bin/bash
# A pvserver of N ranks, and a client that runs test_personalize.py on it: test_remote.sh N PVSERVER PVPYTHON ARGUMENTS...
set -uo pipefail
ranks=$1 pvserver=$2 pvpython=$3
shift 3
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
unset PV_PLUGIN_CONFIG_FILE PV_PLUGIN_PATH # a plugin that is loaded already cannot be loaded again
launcher=()
((ranks == 1)) || launcher=(mpiexec -n "$ranks" --oversubscribe)
log=$(mktemp)
port=$((20000 + RANDOM % 20000))
"${launcher[@]}" "$pvserver" --server-port=$port >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; rm -f "$log"' EXIT
for _ in $(seq 150); do
  grep -q "Accepting connection" "$log" && break
  sleep 0.2
done
timeout 100 "$pvpython" "$(dirname "$0")/test_personalize.py" --url 127.0.0.1:$port "$@"
status=$?
((status == 0)) || kill $server # it would wait for a client for ever
wait $server             # it ends when its client has gone
cat "$log"
exit $status
