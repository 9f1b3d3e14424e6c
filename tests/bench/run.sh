#!/bin/bash
# `./dev bench`: measures medbookd beside its peers in one run and prints one table.
#   run.sh [--quick] [--access-log] [static] [idle] [booking] [contended] [search] [lists] [slots] [scripts] [resources]
#          [plans] [guess] [start]
# Without names all parts run. --quick: a smoke test of seconds, its figures mean little.
# --access-log: all servers write their access logs (else none does). The exit code is 1 only
# when a part could not run; a missed target is a figure, not a failure.
set -u

BENCH=$(cd "$(dirname "$0")" && pwd)
TREE=$(cd "$BENCH/../.." && pwd)
BUILD=${MB_BENCH_BUILD:-$TREE/build/bench}
ROWS=$BUILD/rows.tsv
PARTS=(static idle booking contended search lists slots scripts resources plans guess start)
ACCESS_LOG=off
FAILED=0
COMMAND="./dev bench${*:+ $*}"

# How long, how often: a full run, and the quick one.
ROUNDS=5 SECONDS_EACH=5 COUNTED_SECONDS=8 IDLE_CONNECTIONS=5000 RACES=100 LISTED_PROVIDERS=10000

for file in "$BENCH"/lib/*.sh "$BENCH"/parts/*.sh; do
	# shellcheck source=/dev/null
	. "$file"
done

read_arguments() {
	local names=() argument
	for argument in "$@"; do
		case $argument in
		--quick) ROUNDS=1 SECONDS_EACH=1 COUNTED_SECONDS=3 IDLE_CONNECTIONS=500 RACES=5 LISTED_PROVIDERS=1000 ;;
		--access-log) ACCESS_LOG=on ;;
		*)
			[[ " ${PARTS[*]} " == *" $argument "* ]] || die "no part is called $argument; there are: ${PARTS[*]}"
			names+=("$argument")
			;;
		esac
	done
	[ ${#names[@]} = 0 ] || PARTS=("${names[@]}")
}

need() {
	local program absent=()
	for program in "$@"; do
		command -v "$program" >/dev/null || absent+=("$program")
	done
	[ ${#absent[@]} = 0 ] || die "not installed: ${absent[*]}"
}

machine() {
	echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r)," \
		"$(nginx -v 2>&1 | sed 's/.*: //'), node $(node -v), PostgreSQL $("$PG_BIN/postgres" -V | awk '{ print $3 }')"
}

read_arguments "$@"
need curl wrk nginx node npm valgrind taskset lua5.4 cmake ninja
trap stop_all EXIT
trap 'exit 130' INT TERM
mkdir -p "$BUILD"
: >"$ROWS"
note "building (Release) in $BUILD"
medbookd_build || die "medbookd does not build: see $BUILD/build.log"
medbookd_home
pg_start || die "PostgreSQL does not start: see $BUILD/initdb.log"
for part in "${PARTS[@]}"; do
	note "part $part"
	"part_$part"
	stop_servers
done
lua5.4 "$BENCH/report.lua" "$ROWS" "$BUILD/bench.json" "$COMMAND" "$(machine)" || FAILED=1
exit "$FAILED"
