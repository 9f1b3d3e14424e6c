# What every part of the bench stands on: where things are, how a server is started and stopped,
# how processor time is read. Sourced by run.sh; knows no part and no peer.

die() {
	echo "bench: $*" >&2
	exit 1
}

note() {
	echo "bench: $*" >&2
}

# The two cores: servers and PostgreSQL on one, the load on the other. On a machine with a single
# core both share it, and the ratios still hold.
SERVER_CPU=0
LOAD_CPU=$(($(nproc) > 1 ? 1 : 0))
ALL_CPUS=0-$(($(nproc) - 1))

# What servers are started with; an array, so that the id of the started command is its own.
ON_SERVER_CPU=(taskset -c "$SERVER_CPU")

# Ports of this bench, below the ephemeral range and apart from the defaults of medbookd.
PORT_NGINX=31741
PORT_FASTIFY=31742
PORT_MEDBOOKD=31743
PORT_ADMIN=31744

# ---- processes ---------------------------------------------------------------------------

STARTED=()

# spawn LOG PORT COMMAND…: starts a server in the background; its id is left in SPAWNED. COMMAND
# must be a program, not a function, or the id would be that of a shell around it.
spawn() {
	local log=$1 port=$2
	shift 2
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		die "port $port is in use; the bench needs it"
	fi
	"$@" >"$log" 2>&1 </dev/null &
	SPAWNED=$!
	STARTED+=("$SPAWNED")
}

# stop PID: ends one server that spawn started, and waits for it.
stop() {
	local pid=$1 left=() other
	kill -TERM "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	for other in "${STARTED[@]}"; do
		[ "$other" = "$pid" ] || left+=("$other")
	done
	STARTED=("${left[@]}")
}

# Ends what is left of a part.
stop_servers() {
	local pid
	for pid in "${STARTED[@]}"; do
		kill -TERM "$pid" 2>/dev/null
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid" 2>/dev/null
	done
	STARTED=()
}

stop_all() {
	stop_servers
	pg_stop
}

# wait_http URL PID SECONDS: until the address answers 200, or the process is gone.
wait_http() {
	local url=$1 pid=$2 tries=$(($3 * 10))
	while ((tries-- > 0)); do
		[ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$url")" = 200 ] && return 0
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# Processor time of a process and of all its descendants, dead ones included, in microseconds:
# the time of a child that was waited for moves into its parent's account, so a difference of two
# readings loses nothing.
cpu_us() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" -v hz="$(getconf CLK_TCK)" '
		{
			pid = $1
			sub(/^.*\) /, "")
			parent[pid] = $2
			ticks[pid] = $12 + $13 + $14 + $15
		}
		function inside(p) {
			while (p != "" && p != 0) {
				if (p == root) return 1
				p = parent[p]
			}
			return 0
		}
		END {
			for (p in ticks) if (inside(p)) sum += ticks[p]
			printf "%d\n", sum * 1000000 / hz
		}'
}

# Ids of a process and of all its descendants.
family() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
		{ pid = $1; sub(/^.*\) /, ""); parent[pid] = $2 }
		function inside(p) {
			while (p != "" && p != 0) {
				if (p == root) return 1
				p = parent[p]
			}
			return 0
		}
		END { for (p in parent) if (inside(p)) print p }'
}

# ---- numbers -----------------------------------------------------------------------------

# calc EXPRESSION: floating-point arithmetic; a division by zero prints nan.
calc() {
	awk "BEGIN { printf \"%.4f\", $1 }" 2>/dev/null || echo nan
}

# median NUMBER…
median() {
	printf '%s\n' "$@" | sort -g | awk '
		{ v[NR] = $1 }
		END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# row PART NAME UNIT OURS PEER FIGURE SIGN TARGET: one line of the final table. FIGURE is what the
# target speaks of (a ratio, or OURS itself); SIGN is "<=" or ">=" ("" and "" when nothing is
# demanded). PEER "" = none.
row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$ROWS"
	note "$1: $2: ours $4 $3, peer ${5:--}, figure $6 (target ${7:-none} ${8:-})"
}

# missing PART WHY: a part that could not run is a row too, and makes the exit code 1.
missing() {
	printf '%s\t%s\t\t\t\t\tcould not run\t\n' "$1" "$2" >>"$ROWS"
	note "$1 could not run: $2"
	FAILED=1
}
