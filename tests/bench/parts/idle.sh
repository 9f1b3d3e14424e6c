# Memory of idle connections: one worker, thousands of keep-alive connections that asked once.

# private_kb PID: memory of a process and its descendants that nobody shares, in KB.
private_kb() {
	local pid
	for pid in $(family "$1"); do
		cat "/proc/$pid/smaps_rollup" 2>/dev/null
	done | awk '/^Private_(Clean|Dirty):/ { kb += $2 } END { printf "%d", kb }'
}

# idle_bytes PID PORT PATH: bytes per connection. The server was warmed up before, so that what it
# takes once is not counted.
idle_bytes() {
	local pid=$1 port=$2 path=$3 before after holder tries=300 log=$BUILD/idle.log
	load "http://127.0.0.1:$port$path" 64 1 get.lua
	before=$(private_kb "$pid")
	taskset -c "$LOAD_CPU" node "$BENCH/idle.js" "$port" "$path" "$IDLE_CONNECTIONS" >"$log" 2>&1 &
	holder=$!
	STARTED+=("$holder")
	until grep -q . "$log"; do
		((tries-- > 0)) || break
		sleep 0.1
	done
	after=$(private_kb "$pid")
	stop "$holder"
	grep -q '^held' "$log" || return 1
	IDLE_BYTES=$(calc "($after - $before) * 1024 / $IDLE_CONNECTIONS")
}

part_idle() {
	local ours
	nginx_configure on 1
	nginx_run "$BUILD/nginx.log" "${ON_SERVER_CPU[@]}" ||
		{ missing idle "nginx does not start: see $BUILD/nginx.log"; return; }
	medbookd_run "$(database_empty)" 1 "${ON_SERVER_CPU[@]}" ||
		{ missing idle "medbookd does not start: see $BUILD/medbookd.log"; return; }
	idle_bytes "$MEDBOOKD_PID" "$PORT_MEDBOOKD" /bench/hello ||
		{ missing idle "medbookd: $(tail -1 "$BUILD/idle.log")"; return; }
	ours=$IDLE_BYTES
	idle_bytes "$NGINX_PID" "$PORT_NGINX" /bench/hello ||
		{ missing idle "nginx: $(tail -1 "$BUILD/idle.log")"; return; }
	row idle "memory per idle connection, $IDLE_CONNECTIONS held" bytes "$ours" "$IDLE_BYTES" "$ours" "<=" 8192
	stop "$MEDBOOKD_PID"
	stop "$NGINX_PID"
}
