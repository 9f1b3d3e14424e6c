# Bookings: medbookd over HTTP against pgbench calling the same statement on as many connections.
# The load generator shares the cores with the server and PostgreSQL, so nothing is pinned. Each
# run works on a fresh copy of the same database.

BOOKING_WORKERS=2 BOOKING_POOL=8
BOOKING_CONNECTIONS=$((BOOKING_WORKERS * BOOKING_POOL))
BOOKING_DB=bench_booking

booking_fresh() {
	pg_copy_of "$(database_filled)" "$BOOKING_DB"
}

booked() {
	sql "$BOOKING_DB" -c 'SELECT count(*) FROM "Booking"'
}

# booking_over_http: one run of medbookd; leaves RPS, CPU_US and PG_US per booking, P99_MS.
booking_over_http() {
	local LOAD_CPU=$ALL_CPUS
	booking_fresh
	medbookd_run "$BOOKING_DB" "$BOOKING_WORKERS" || return 1
	cost "$MEDBOOKD_PID" "$MEDBOOKD_URL/v1/bookings" 64 "$SECONDS_EACH" booking.lua || return 1
	(($(booked) >= REQUESTS)) || return 1
	stop "$MEDBOOKD_PID"
}

# booking_by_pgbench: one run of pgbench; leaves RPS and PG_US per booking.
booking_by_pgbench() {
	local before
	booking_fresh
	before=$(cpu_us "$PG_PID")
	RPS=$("$PG_BIN/pgbench" -h "$PG_SOCKET" -U "$PG_USER" -n -M prepared -f "$BUILD/booking.sql" \
		-D "clients=$BOOKING_CONNECTIONS" -D i=0 -c "$BOOKING_CONNECTIONS" -j 2 -T "$SECONDS_EACH" \
		"$BOOKING_DB" 2>"$BUILD/pgbench.log" | sed -n 's/^tps = \([0-9.]*\).*/\1/p')
	PG_US=$(calc "($(cpu_us "$PG_PID") - $before) / $(booked)")
}

part_booking() {
	local i ours=() peers=() ratios=() cpu=() pg=() pgbench_pg=() shares=()
	database_filled >/dev/null || { missing booking "no filled database"; return; }
	lua5.4 "$BENCH/pgbench.lua" "$TREE/lua" >"$BUILD/booking.sql" ||
		{ missing booking "lua/queries/bookings.lua cannot be read"; return; }
	for ((i = 0; i < ROUNDS; i++)); do
		booking_over_http ||
			{ missing booking "bookings refused or lost, or no start: see $BUILD/medbookd.log"; return; }
		ours+=("$RPS") cpu+=("$CPU_US") pg+=("$PG_US") shares+=("$(calc "$CPU_US / $PG_US")")
		booking_by_pgbench
		[ -n "$RPS" ] || { missing booking "pgbench: see $BUILD/pgbench.log"; return; }
		peers+=("$RPS") pgbench_pg+=("$PG_US") ratios+=("$(calc "${ours[i]} / $RPS")")
	done
	row booking "bookings/s, $BOOKING_CONNECTIONS database connections" /s "$(median "${ours[@]}")" \
		"$(median "${peers[@]}")" "$(median "${ratios[@]}")" ">=" 0.75
	row booking "CPU per booking: medbookd, and its PostgreSQL" µs "$(median "${cpu[@]}")" \
		"$(median "${pg[@]}")" "$(median "${shares[@]}")" "<=" 0.4
	row booking "CPU of PostgreSQL per booking: under medbookd, under pgbench" µs \
		"$(median "${pg[@]}")" "$(median "${pgbench_pg[@]}")" \
		"$(calc "$(median "${pg[@]}") / $(median "${pgbench_pg[@]}")")" "" ""
}
