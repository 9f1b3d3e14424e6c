# A start on what is built, made and loaded already: from `./dev run` until its curl lines are printed.

# start_ms FOLDER: milliseconds of one start with its data in FOLDER; the server is stopped again.
start_ms() {
	local folder=$1 log=$BUILD/start.log began tries=6000
	began=$(date +%s%N)
	spawn "$log" "$PORT_MEDBOOKD" env "MEDBOOKD_DATA_DIR=$folder" "MEDBOOKD_LISTEN=127.0.0.1:$PORT_MEDBOOKD" \
		"MEDBOOKD_ADMIN_LISTEN=127.0.0.1:$PORT_ADMIN" "MEDBOOKD_LOG_LEVEL=warn" "$TREE/dev" run
	until grep -q '^curl -s .*/v1/bookings/' "$log"; do
		kill -0 "$SPAWNED" 2>/dev/null && ((tries-- > 0)) || return 1
		sleep 0.02
	done
	START_MS=$((($(date +%s%N) - began) / 1000000))
	stop "$SPAWNED"
}

part_start() {
	local folder i all=()
	folder=$(mktemp -d /var/tmp/mb-bench-start.XXXXXX)
	chmod 755 "$folder"
	if start_ms "$folder/var"; then # builds, makes the database and loads the demo clinic
		for ((i = 0; i < ROUNDS; i++)); do
			start_ms "$folder/var" || break
			all+=("$START_MS")
		done
	fi
	rm -rf "$folder"
	if [ ${#all[@]} = "$ROUNDS" ]; then
		row start "second start of ./dev run, until its curl lines" ms "$(median "${all[@]}")" "" "$(median "${all[@]}")" "<=" 2000
	else
		missing start "$(tail -1 "$BUILD/start.log")"
	fi
}
