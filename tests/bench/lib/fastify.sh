# The Node peer: Fastify with node-postgres, from the lockfile beside it. Sourced by run.sh after
# base.sh and postgres.sh.

FASTIFY_URL=http://127.0.0.1:$PORT_FASTIFY

# fastify_install: the pinned packages, into the build folder.
fastify_install() {
	local dir=$BUILD/fastify
	mkdir -p "$dir"
	cp "$BENCH/peers/package.json" "$BENCH/peers/package-lock.json" "$BENCH/peers/.npmrc" "$dir/"
	cp "$BENCH"/peers/fastify/*.js "$dir/"
	cmp -s "$dir/package-lock.json" "$dir/.installed" && return 0
	(cd "$dir" && npm ci --ignore-scripts --loglevel=error) >&2 || return 1
	cp "$dir/package-lock.json" "$dir/.installed"
}

# fastify_run MODE POOL DATABASE [SQL_FILE]: FASTIFY_PID is left.
fastify_run() {
	spawn "$BUILD/fastify.log" "$PORT_FASTIFY" env NODE_ENV=production PGHOST="$PG_SOCKET" PGUSER="$PG_USER" \
		PGDATABASE="$3" "${ON_SERVER_CPU[@]}" \
		node "$BUILD/fastify/server.js" "$PORT_FASTIFY" "$1" "$ACCESS_LOG" "$2" "${4:-}"
	FASTIFY_PID=$SPAWNED
	wait_http "$FASTIFY_URL/livez" "$FASTIFY_PID" 20
}
