# Static JSON through a Lua handler: medbookd and nginx with its Lua module, one worker each on one
# core, wrk on the other; and what one request costs in processor time and in instructions.

static_route=/bench/hello

# static_rounds CONNECTIONS SCRIPT [ARGUMENT…]: alternates the two servers. Leaves the medians
# OUR_RPS PEER_RPS OUR_CPU PEER_CPU, and the medians of the ratios of each round: RPS_RATIO, CPU_RATIO.
static_rounds() {
	local connections=$1 script=$2 i our_rps=() peer_rps=() our_cpu=() peer_cpu=() rps=() cpu=()
	shift 2
	for ((i = 0; i < ROUNDS; i++)); do
		cost "$MEDBOOKD_PID" "$MEDBOOKD_URL$static_route" "$connections" "$SECONDS_EACH" "$script" "$@" ||
			return 1
		our_rps+=("$RPS") our_cpu+=("$CPU_US")
		cost "$NGINX_PID" "$NGINX_URL$static_route" "$connections" "$SECONDS_EACH" "$script" "$@" ||
			return 1
		peer_rps+=("$RPS") peer_cpu+=("$CPU_US")
		rps+=("$(calc "${our_rps[i]} / ${peer_rps[i]}")")
		cpu+=("$(calc "${our_cpu[i]} / ${peer_cpu[i]}")")
	done
	OUR_RPS=$(median "${our_rps[@]}") PEER_RPS=$(median "${peer_rps[@]}")
	OUR_CPU=$(median "${our_cpu[@]}") PEER_CPU=$(median "${peer_cpu[@]}")
	RPS_RATIO=$(median "${rps[@]}") CPU_RATIO=$(median "${cpu[@]}")
}

# One way to start each server under callgrind; see lib/instructions.sh.
static_nginx_counted() {
	local log=$1
	shift
	nginx_configure off 1
	nginx_run "$log" "$@"
}
static_medbookd_counted() {
	shift
	medbookd_run "$STATIC_DB" 1 "$@"
}

static_instructions() {
	local ours
	instructions "$MEDBOOKD_URL$static_route" static_medbookd_counted MEDBOOKD_PID || return 1
	ours=$INSTRUCTIONS
	instructions "$NGINX_URL$static_route" static_nginx_counted NGINX_PID || return 1
	row static "user-space instructions per request" "" "$ours" "$INSTRUCTIONS" \
		"$(calc "$ours / $INSTRUCTIONS")" "<=" 0.6
}

static_same_answer() {
	local ours theirs
	ours=$(curl -s "$MEDBOOKD_URL$static_route" | wc -c)
	theirs=$(curl -s "$NGINX_URL$static_route" | wc -c)
	[ "$ours" = 147 ] && [ "$theirs" = 147 ]
}

part_static() {
	STATIC_DB=$(database_empty) || { missing static "no migrated database"; return; }
	nginx_configure on 1
	nginx_run "$BUILD/nginx.log" "${ON_SERVER_CPU[@]}" ||
		{ missing static "nginx does not start: see $BUILD/nginx.log"; return; }
	medbookd_run "$STATIC_DB" 1 "${ON_SERVER_CPU[@]}" ||
		{ missing static "medbookd does not start: see $BUILD/medbookd.log"; return; }
	static_same_answer || { missing static "the two answers are not 147 bytes"; return; }
	static_rounds 32 get.lua || { missing static "wrong answers"; return; }
	row static "CPU per request, 32 connections" µs "$OUR_CPU" "$PEER_CPU" "$CPU_RATIO" "<=" 0.85
	row static "requests/s, 32 connections" /s "$OUR_RPS" "$PEER_RPS" "$RPS_RATIO" ">=" 1
	static_rounds 32 pipeline.lua 16 || { missing static "wrong answers when pipelined"; return; }
	row static "requests/s, 16 pipelined" /s "$OUR_RPS" "$PEER_RPS" "$RPS_RATIO" ">=" 3
	row static "CPU per request, 16 pipelined" µs "$OUR_CPU" "$PEER_CPU" "$CPU_RATIO" "" ""
	stop "$MEDBOOKD_PID"
	stop "$NGINX_PID"
	static_instructions || missing static "callgrind: see $BUILD/callgrind.log"
}
