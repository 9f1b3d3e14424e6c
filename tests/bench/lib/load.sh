# Load by wrk and what one run of it cost: sourced by run.sh after base.sh.

# load URL CONNECTIONS SECONDS SCRIPT [ARGUMENT…]: one run. Leaves REQUESTS, RPS, P99_MS and BAD
# (answers that the script did not want, and socket errors); fails when BAD is not 0.
load() {
	local url=$1 connections=$2 seconds=$3 script=$4 out
	shift 4
	out=$(BENCH_WRK="$BENCH/wrk" taskset -c "$LOAD_CPU" wrk -t1 -c"$connections" -d"${seconds}s" --timeout 30s \
		-s "$BENCH/wrk/$script" "$url" -- "$@" 2>&1)
	read -r REQUESTS BAD RPS P99_MS < <(sed -n 's/^bench-result //p' <<<"$out")
	[ -n "${REQUESTS:-}" ] || die "no result from wrk on $url: $out"
	((BAD == 0)) || note "$BAD of $REQUESTS answers from $url are wrong"
	return $((BAD != 0))
}

# cost PID: the same as `load "$@"`, with the processor time that the process tree PID took per
# request in CPU_US, and that of PostgreSQL, where it runs, in PG_US.
cost() {
	local pid=$1 cpu pg=0 rc=0
	shift
	cpu=$(cpu_us "$pid")
	[ -z "${PG_PID:-}" ] || pg=$(cpu_us "$PG_PID")
	load "$@" || rc=1
	CPU_US=$(calc "($(cpu_us "$pid") - $cpu) / $REQUESTS")
	PG_US=0
	[ -z "${PG_PID:-}" ] || PG_US=$(calc "($(cpu_us "$PG_PID") - $pg) / $REQUESTS")
	return "$rc"
}
