# What the scripting platform costs: POSTs beside the bare handler, a hook of a plugin, a reload.

FILLER_KB=500

scripts_counted() {
	shift
	medbookd_run "$SCRIPTS_DB" 1 "$@"
}

# Routes with a parameter and a body that are checked, beside one that has none of them.
scripts_posts() {
	local bare small
	instructions "$MEDBOOKD_URL/bench/hello" scripts_counted MEDBOOKD_PID || return 1
	bare=$INSTRUCTIONS
	instructions "$MEDBOOKD_URL/bench/small/cm3b0q8zk0000v9l4h2d7x1ab" scripts_counted MEDBOOKD_PID small.lua || return 1
	small=$INSTRUCTIONS
	instructions "$MEDBOOKD_URL/bench/form/cm3b0q8zk0000v9l4h2d7x1ab" scripts_counted MEDBOOKD_PID form.lua || return 1
	row scripts "small POST and bare handler, instructions per request" "" "$small" "$bare" \
		"$(calc "$small / $bare")" "<=" 1.5
	row scripts "POST of five fields and bare handler, instructions per request" "" "$INSTRUCTIONS" "$bare" \
		"$(calc "$INSTRUCTIONS / $bare")" "" ""
}

# The same handler with a hook before it and without.
scripts_hook() {
	local i bare hooked=() plain=()
	for ((i = 0; i < ROUNDS; i++)); do
		cost "$MEDBOOKD_PID" "$MEDBOOKD_URL/bench/hello" 32 "$SECONDS_EACH" get.lua || return 1
		bare=$CPU_US plain+=("$CPU_US")
		cost "$MEDBOOKD_PID" "$MEDBOOKD_URL/bench/hooked" 32 "$SECONDS_EACH" get.lua || return 1
		hooked+=("$(calc "$CPU_US - $bare")")
	done
	row scripts "a call of a plugin's hook, CPU" µs "$(median "${hooked[@]}")" "" "$(median "${hooked[@]}")" "<=" 5
}

# Files of functions, until the home's scripts are of that size.
scripts_fill() {
	local size n=0 file home=$BUILD/home
	size=$(find "$home/lua" -name '*.lua' -printf '%s\n' | awk '{ n += $1 } END { print n }')
	while ((size < FILLER_KB * 1024)); do
		file=$home/lua/workflows/filler$n.lua
		awk -v n="$n" 'BEGIN {
			print "-- Filler of the bench.\nlocal made = {}"
			for (i = 0; i < 100; i++)
				printf "function made.f%d(a, b)\n  if a > b then return { a, b, name = \"f%d of %d\" } end\n  return a + b * %d\nend\n", i, i, n, i
			print "return made"
		}' >"$file"
		printf 'require "workflows.filler%d"\n' "$n" >>"$home/filler"
		size=$((size + $(stat -c %s "$file")))
		n=$((n + 1))
	done
	cat "$home/filler" "$BENCH/route.lua" >"$home/lua/routes/bench.lua"
	rm "$home/filler"
}

# From the request until the new scripts serve, while clients are served.
scripts_reload() {
	local i began pause all=() load_pid home=$BUILD/home
	(load "$MEDBOOKD_URL/bench/hello" 32 "$((ROUNDS * 2 + 2))" get.lua) &
	load_pid=$!
	for ((i = 0; i < ROUNDS; i++)); do
		sleep 1
		printf -- '-- %d\n' "$i" >>"$home/lua/workflows/filler0.lua"
		began=$(date +%s%N)
		curl -sf -X POST "http://127.0.0.1:$PORT_ADMIN/v1/admin/reload" >"$BUILD/reload.json" || return 1
		all+=("$((($(date +%s%N) - began) / 1000000))")
	done
	wait "$load_pid" || return 1
	row scripts "reload of $FILLER_KB KB of scripts, until they serve" ms "$(median "${all[@]}")" "" "$(median "${all[@]}")" "<=" 300
	pause=$(curl -sf "http://127.0.0.1:$PORT_ADMIN/metrics" |
		awk '/^medbookd_reload_pause_seconds/ && $2 > most { most = $2 } END { print most * 1000 }')
	row scripts "the longest of their steps that kept a worker from its requests" ms "$pause" "" "$pause" "<=" 5
}

# What the client that spins saw: how many ms each answer took, the last of which may be cut off. Fails when one
# has another status.
scripts_stops() {
	head -n -1 "$BUILD/spin" | awk -v status="$1" '$1 != status { exit 1 } { print $2 * 1000 }'
}

# One client calls what never ends, the others a handler that does: how long until it is stopped, and how much
# longer the others wait (p99, beside a round without it).
# scripts_hostile WHAT PATH BUDGET_MS GROWTH_MS
scripts_hostile() {
	local i what=$1 path=$2 budget=$3 most=$4 spinner alone stops=() growths=()
	for ((i = 0; i < ROUNDS; i++)); do
		load "$MEDBOOKD_URL/bench/hello" 32 "$SECONDS_EACH" get.lua || return 1
		alone=$P99_MS
		taskset -c "$LOAD_CPU" stdbuf -oL curl -s -o /dev/null -w '%{http_code} %{time_total}\n' "$MEDBOOKD_URL$path#[1-100000]" >"$BUILD/spin" &
		spinner=$!
		load "$MEDBOOKD_URL/bench/hello" 32 "$SECONDS_EACH" get.lua || { kill "$spinner"; return 1; }
		kill "$spinner"
		wait "$spinner" 2>/dev/null
		scripts_stops 503 >"$BUILD/stops" || return 1
		growths+=("$(calc "$P99_MS - $alone")")
		mapfile -t -O "${#stops[@]}" stops <"$BUILD/stops"
	done
	row scripts "$what that never ends, until it is stopped" ms "$(median "${stops[@]}")" "" "$(median "${stops[@]}")" \
		"<=" $((budget + 50))
	row scripts "what others' p99 grows by meanwhile" ms "$(median "${growths[@]}")" "" "$(median "${growths[@]}")" "<=" "$most"
}

part_scripts() {
	SCRIPTS_DB=$(database_empty) || { missing scripts "no migrated database"; return; }
	export MEDBOOKD_PLUGINS_FOLDER=$BENCH/plugins MEDBOOKD_PLUGINS_MAX_KILLS=0
	medbookd_run "$SCRIPTS_DB" 1 "${ON_SERVER_CPU[@]}" ||
		{ missing scripts "medbookd does not start: see $BUILD/medbookd.log"; return; }
	scripts_hook || missing scripts "wrong answers"
	# The budgets are 50 ms (worker.script_cpu, plugins.cpu), a slice of a plugin is 2 ms.
	scripts_hostile "a handler" /bench/spin 50 50 || missing scripts "wrong answers beside a handler that never ends"
	scripts_hostile "a plugin" /v1/plugins/bench.hook/spin 50 4 || missing scripts "wrong answers beside a plugin"
	stop "$MEDBOOKD_PID"
	scripts_posts || missing scripts "callgrind: see $BUILD/callgrind.log"
	scripts_fill
	medbookd_run "$SCRIPTS_DB" 2 || { missing scripts "medbookd does not start: see $BUILD/medbookd.log"; return; }
	scripts_reload || missing scripts "a reload or a request failed: see $BUILD/reload.json"
	stop "$MEDBOOKD_PID"
	unset MEDBOOKD_PLUGINS_FOLDER MEDBOOKD_PLUGINS_MAX_KILLS
	medbookd_home
}
