# Our side: the Release build of medbookd with a home folder that is lua/ and migrations/ of the
# tree plus the static route of the bench. Sourced by run.sh after base.sh.

MEDBOOKD_URL=http://127.0.0.1:$PORT_MEDBOOKD

# medbookd_build: the Release build, in the bench's build folder.
medbookd_build() {
	[ -z "${MEDBOOKD:-}" ] || return 0
	cmake -S "$TREE" -B "$BUILD/cmake" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$BUILD/build.log" 2>&1 &&
		ninja -C "$BUILD/cmake" medbookd hammer slotload quotes >>"$BUILD/build.log" 2>&1 || return 1
	MEDBOOKD=$BUILD/cmake/medbookd
}

medbookd_home() {
	local home=$BUILD/home
	rm -rf "$home"
	mkdir -p "$home"
	cp -r "$TREE/lua" "$TREE/migrations" "$home/"
	cp "$BENCH/route.lua" "$home/lua/routes/bench.lua"
}

# medbookd_environment DATABASE WORKERS: the settings that all runs share.
medbookd_environment() {
	printf '%s\n' \
		"MEDBOOKD_HOME=$BUILD/home" "MEDBOOKD_DATA_DIR=$BUILD/var" \
		"MEDBOOKD_LISTEN=127.0.0.1:$PORT_MEDBOOKD" "MEDBOOKD_ADMIN_LISTEN=127.0.0.1:$PORT_ADMIN" \
		"MEDBOOKD_DATABASE_URL=$(pg_url "$1")" "MEDBOOKD_WORKERS=$2" \
		"MEDBOOKD_BOOKING_GUEST_RATE_ADDRESS=1000000" "MEDBOOKD_BOOKING_GUEST_RATE=1000000" \
		"MEDBOOKD_HTTP_MAX_CONNECTIONS_PER_ADDRESS=0" \
		"MEDBOOKD_LOG_LEVEL=warn" "MEDBOOKD_LOG_ACCESS=$([ "$ACCESS_LOG" = on ] && echo true || echo false)"
}

# medbookd_run DATABASE WORKERS [WRAPPER…]: starts it under the wrapper; MEDBOOKD_PID is left.
medbookd_run() {
	local settings
	mapfile -t settings < <(medbookd_environment "$1" "$2")
	shift 2
	spawn "$BUILD/medbookd.log" "$PORT_MEDBOOKD" env "${settings[@]}" "$@" "$MEDBOOKD" run
	MEDBOOKD_PID=$SPAWNED
	wait_http "$MEDBOOKD_URL/readyz" "$MEDBOOKD_PID" 120
}

# medbookd_migrate DATABASE
medbookd_migrate() {
	local settings
	mapfile -t settings < <(medbookd_environment "$1" 1)
	env "${settings[@]}" "$MEDBOOKD" migrate up >"$BUILD/migrate.log" 2>&1
}
