# A PostgreSQL of the bench's own: a private cluster in a temporary folder, reached by a unix
# socket only, set up as medbookd sets up its embedded one. All sides of a comparison use it.
# Sourced by run.sh after base.sh.

PG_BIN=$(printf "%s\n" /usr/lib/postgresql/*/bin | sort -V | tail -1)
PG_USER=medbookd
PG_PID=
PG_FOLDER=

as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && exec runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

# Starts the cluster (once a run); PG_SOCKET and PG_PID are left.
pg_start() {
	[ -z "$PG_PID" ] || return 0
	[ -x "$PG_BIN/initdb" ] || return 1
	PG_FOLDER=$(mktemp -d /var/tmp/mb-bench.XXXXXX)
	PG_SOCKET=$PG_FOLDER
	[ "$(id -u)" != 0 ] || chown postgres "$PG_FOLDER"
	chmod 755 "$PG_FOLDER"
	as_postgres "$PG_BIN/initdb" -D "$PG_FOLDER/data" -U "$PG_USER" -A trust -E UTF8 --locale=C \
		--data-checksums >"$BUILD/initdb.log" 2>&1 || return 1
	cat "$BENCH/postgres.conf" >>"$PG_FOLDER/data/postgresql.conf"
	as_postgres "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -l "$PG_FOLDER/log" -w \
		-o "-c unix_socket_directories=$PG_SOCKET" start >>"$BUILD/initdb.log" 2>&1 || return 1
	PG_PID=$(head -1 "$PG_FOLDER/data/postmaster.pid")
	note "PostgreSQL $("$PG_BIN/postgres" -V | awk '{ print $3 }') under $PG_FOLDER"
}

pg_stop() {
	[ -n "$PG_FOLDER" ] || return 0
	[ -z "$PG_PID" ] ||
		as_postgres "$PG_BIN/pg_ctl" -D "$PG_FOLDER/data" -m fast -w stop >/dev/null 2>&1
	rm -rf "$PG_FOLDER"
	PG_FOLDER=""
	PG_PID=""
}

# pg_pin CPUS: moves all of PostgreSQL, and what it starts from now on, to these processors.
pg_pin() {
	local pid
	for pid in $(family "$PG_PID"); do
		taskset -a -p -c "$1" "$pid" >/dev/null 2>&1
	done
}

# sql DATABASE [PSQL ARGUMENT…]
sql() {
	local database=$1
	shift
	"$PG_BIN/psql" -h "$PG_SOCKET" -U "$PG_USER" -d "$database" -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# pg_url DATABASE: a connection string of libpq.
pg_url() {
	echo "host=$PG_SOCKET user=$PG_USER dbname=$1"
}

# pg_copy_of TEMPLATE DATABASE: a fresh database, page for page like the template. Its dirty pages
# are written out before the measuring starts.
pg_copy_of() {
	PGOPTIONS="-c client_min_messages=warning" sql postgres -c "DROP DATABASE IF EXISTS $2 WITH (FORCE)" \
		-c "CREATE DATABASE $2 TEMPLATE $1 STRATEGY file_copy" -c CHECKPOINT
}
