#!/bin/sh
# Starts `assay dev` on one core and the clients on the other, and prints what they saw as a table.
#
#   tests/bench/run.sh [--smoke] [BUILD-DIRECTORY]
#
# --smoke: few certificates, no pinning, checks only that all goes through. COUNT, OPEN and CLIENTS
# say how much; PORT is the first of three ports on loopback.
set -eu
here=$(dirname "$(readlink -f "$0")")
smoke=
if [ "${1:-}" = --smoke ]; then
	smoke=yes
	shift
fi
build=${1:-$here/../../out}
assay=${ASSAY:-$build/assay}
bench=${ASSAY_BENCH:-$build/assay-bench}
signer=${ASSAY_SIGNER:-$build/assay-signer}
[ -x "$assay" ] || assay=$build/src/cmd/assay
[ -x "$signer" ] || signer=$build/src/signer/assay-signer
[ -x "$bench" ] || bench=$build/tests/bench/assay-bench
port=${PORT:-15140}
clients=${CLIENTS:-32} count=${COUNT:-4000} open=${OPEN:-1000}
server_core='' load_core=''
if [ -n "$smoke" ]; then
	clients=4 count=40 open=40
elif [ "$(nproc)" -ge 2 ]; then
	server_core='taskset -c 0' load_core='taskset -c 1'
fi

run=$(mktemp -d)
server=''
finish() {
	status=$?
	trap - EXIT INT TERM
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	[ "$status" = 0 ] || tail -n 20 "$run/log" >&2
	rm -rf "$run"
	exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

# The server looks for its signer beside itself; in a build directory they are apart.
mkdir "$run/bin"
cp "$assay" "$signer" "$run/bin"
mkfifo "$run/output"
$server_core "$run/bin/assay" dev --listen "127.0.0.1:$port" --http01-port "$((port + 1))" \
	--resolver "127.0.0.1:$((port + 2))" --data "$run/data" --root-out "$run/root.pem" \
	--ready-file "$run/ready.json" >"$run/output" 2>&1 &
server=$!
exec 3<"$run/output"
: >"$run/log"
while [ ! -s "$run/ready.json" ]; do
	if ! read -r line <&3; then
		echo "the server did not start" >&2
		exit 1
	fi
	echo "$line" >>"$run/log"
done
cat <&3 >>"$run/log" &

load() {
	$load_core "$bench" --directory "https://127.0.0.1:$port/acme/directory" --root "$run/root.pem" \
		--pid "$server" --dns-port "$((port + 2))" --http-port "$((port + 1))" --clients "$clients" "$@"
}
load --count "$count" >"$run/issue.json"
load --open "$open" >"$run/open.json"
load --bad >"$run/bad.json"

python3 - "$run/issue.json" "$run/open.json" "$run/bad.json" <<'PYTHON'
import json, sys

for path in sys.argv[1:]:
    report = json.load(open(path))
    print(report.pop("mode"))
    for name, value in report.items():
        if isinstance(value, dict):
            value = "  ".join(f"{k} {v}" for k, v in value.items())
        print(f"  {name:32} {value}")
PYTHON
