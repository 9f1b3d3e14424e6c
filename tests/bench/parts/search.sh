# Slot search of one provider over 7 days, 50 rows: medbookd against Fastify with node-postgres,
# which first asks the seed's query and then our SQL. The servers and PostgreSQL share one core,
# wrk has the other: requests/s is what a core of the whole service gives.

SEARCH_POOL=8

# search_targets FILE: one search a provider, the week after tomorrow.
search_targets() {
	local from to n
	from=$(date -u -d '+2 days' +%Y-%m-%dT00:00:00Z)
	to=$(date -u -d '+9 days' +%Y-%m-%dT00:00:00Z)
	for n in $(seq 100); do
		printf '/v1/slots?providerId=cprov%020d&from=%s&to=%s&limit=50\n' "$n" "$from" "$to"
	done >"$1"
}

# search_rows URL: how many slots the first search gives.
search_rows() {
	curl -s "$1$(head -1 "$BUILD/targets")" |
		lua5.4 -e 'print(#require("cjson").decode(io.read("a")).data)'
}

search_same_answer() {
	local ours theirs
	ours=$(search_rows "$MEDBOOKD_URL")
	theirs=$(search_rows "$FASTIFY_URL")
	note "rows of a page: medbookd $ours, Fastify $theirs"
	[ "$ours" = 50 ] && [ "$theirs" = 50 ]
}

# search_rounds: alternates the two servers. Leaves medians and the medians of each round's ratios.
search_rounds() {
	local i our_rps=() peer_rps=() our_cpu=() peer_cpu=() our_pg=() peer_pg=() rps=() cpu=()
	for ((i = 0; i < ROUNDS; i++)); do
		cost "$MEDBOOKD_PID" "$MEDBOOKD_URL" 32 "$SECONDS_EACH" search.lua "$BUILD/targets" || return 1
		our_rps+=("$RPS") our_cpu+=("$CPU_US") our_pg+=("$PG_US")
		cost "$FASTIFY_PID" "$FASTIFY_URL" 32 "$SECONDS_EACH" search.lua "$BUILD/targets" || return 1
		peer_rps+=("$RPS") peer_cpu+=("$CPU_US") peer_pg+=("$PG_US")
		rps+=("$(calc "${our_rps[i]} / ${peer_rps[i]}")")
		cpu+=("$(calc "${our_cpu[i]} / ${peer_cpu[i]}")")
	done
	OUR_RPS=$(median "${our_rps[@]}") PEER_RPS=$(median "${peer_rps[@]}")
	OUR_CPU=$(median "${our_cpu[@]}") PEER_CPU=$(median "${peer_cpu[@]}")
	OUR_PG=$(median "${our_pg[@]}") PEER_PG=$(median "${peer_pg[@]}")
	RPS_RATIO=$(median "${rps[@]}") CPU_RATIO=$(median "${cpu[@]}")
}

# search_against MODE DATABASE: Fastify with that query; the rounds; Fastify ends.
search_against() {
	fastify_run "$1" "$SEARCH_POOL" "$2" "$BUILD/queries.json" || return 1
	search_same_answer && search_rounds || return 1
	stop "$FASTIFY_PID"
}

part_search() {
	local database
	database=$(database_filled) || { missing search "no filled database"; return; }
	fastify_install || { missing search "npm ci failed"; return; }
	lua5.4 "$BENCH/sql.lua" "$TREE/lua" queries.slots >"$BUILD/queries.json" ||
		{ missing search "lua/queries/slots.lua cannot be read"; return; }
	search_targets "$BUILD/targets"
	pg_pin "$SERVER_CPU"
	medbookd_run "$database" 1 "${ON_SERVER_CPU[@]}" ||
		{ missing search "medbookd does not start: see $BUILD/medbookd.log"; return; }
	search_against seed "$database" || { missing search "wrong answers, or see $BUILD/fastify.log"; return; }
	row search "requests/s, peer asks the seed's query" /s "$OUR_RPS" "$PEER_RPS" "$RPS_RATIO" ">=" 10
	row search "CPU of PostgreSQL per request, seed's query" µs "$OUR_PG" "$PEER_PG" \
		"$(calc "$OUR_PG / $PEER_PG")" "" ""
	search_against ours "$database" || { missing search "wrong answers, or see $BUILD/fastify.log"; return; }
	row search "CPU of the server per request, both our SQL" µs "$OUR_CPU" "$PEER_CPU" "$CPU_RATIO" "<=" 0.2
	row search "requests/s, both our SQL" /s "$OUR_RPS" "$PEER_RPS" "$RPS_RATIO" "" ""
	stop "$MEDBOOKD_PID"
	pg_pin "$ALL_CPUS"
}
