# 200 connections of one client guess passwords: how long others take to sign in meanwhile, and how much longer they
# wait for what needs no password. Addresses are told by X-Forwarded-For, as everything here comes from one.

GUESS_OTHERS=10

# Accounts of others, one a number.
guess_accounts() {
	local i settings
	mapfile -t settings < <(medbookd_environment "$1" 1)
	for ((i = 1; i <= GUESS_OTHERS; i++)); do
		echo "seven lazy cranes $i" | env "${settings[@]}" "$MEDBOOKD" admin create --email "other$i@people.example" \
			--password-stdin >"$BUILD/accounts.log" 2>&1 || return 1
	done
}

# Prints how many ms each of the others took to sign in; fails when one could not.
guess_sign_ins() {
	local i answer
	for ((i = 1; i <= GUESS_OTHERS; i++)); do
		answer=$(taskset -c "$LOAD_CPU" curl -s -o /dev/null -w '%{http_code} %{time_total}' "$MEDBOOKD_URL/v1/auth/login" \
			-H "X-Forwarded-For: 198.51.100.$i" -H 'Content-Type: application/json' \
			-d '{"email":"other'"$i"'@people.example","password":"seven lazy cranes '"$i"'"}')
		[ "${answer% *}" = 200 ] || { note "a sign-in got $answer"; return 1; }
		calc "${answer#* } * 1000"
		echo
	done
}

part_guess() {
	local db alone slowest
	db=$(database_empty) && sql postgres -c "CREATE DATABASE bench_guess TEMPLATE $db" && guess_accounts bench_guess ||
		{ missing guess "no accounts: see $BUILD/accounts.log"; return; }
	medbookd_run bench_guess 1 env MEDBOOKD_HTTP_TRUSTED_PROXIES=127.0.0.1 "${ON_SERVER_CPU[@]}" ||
		{ missing guess "medbookd does not start: see $BUILD/medbookd.log"; return; }
	load "$MEDBOOKD_URL/bench/hello" 4 "$SECONDS_EACH" get.lua || { missing guess "wrong answers"; return; }
	alone=$P99_MS
	BENCH_WRK="$BENCH/wrk" taskset -c "$LOAD_CPU" wrk -t1 -c200 -d"$((SECONDS_EACH + 20))s" --timeout 30s \
		-s "$BENCH/wrk/guess.lua" "$MEDBOOKD_URL/v1/auth/login" >"$BUILD/guess" 2>&1 &
	sleep 1
	load "$MEDBOOKD_URL/bench/hello" 4 "$SECONDS_EACH" get.lua || { missing guess "wrong answers"; return; }
	guess_sign_ins >"$BUILD/sign_ins" || { missing guess "others cannot sign in while passwords are guessed"; return; }
	slowest=$(sort -rn "$BUILD/sign_ins" | head -1)
	wait "$!"
	row guess "the slowest of $GUESS_OTHERS sign-ins while 200 connections guess passwords" ms "$slowest" "" "$slowest" "<=" 1000
	row guess "what others' p99 grows by meanwhile" ms "$(calc "$P99_MS - $alone")" "" "$(calc "$P99_MS - $alone")" "<=" 5
	stop "$MEDBOOKD_PID"
}
