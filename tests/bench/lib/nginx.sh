# The nginx peer, built from Debian's packages nginx and libnginx-mod-http-lua, with a
# configuration and a folder of its own. Sourced by run.sh.

NGINX_URL=http://127.0.0.1:$PORT_NGINX

# nginx_configure MASTER WORKERS: writes the configuration under $BUILD/nginx.
nginx_configure() {
	local dir=$BUILD/nginx log=off
	[ "$ACCESS_LOG" = off ] || log="$dir/access.log"
	mkdir -p "$dir"
	sed -e "s|@MODULES@|/usr/lib/nginx/modules|" -e "s|@MASTER@|$1|" -e "s|@WORKERS@|$2|" \
		-e "s|@DIR@|$dir|" -e "s|@PORT@|$PORT_NGINX|" -e "s|@ACCESS_LOG@|$log|" \
		-e "s|@HERE@|$BENCH/peers/nginx|" \
		"$BENCH/peers/nginx/nginx.conf.in" >"$dir/nginx.conf"
}

# nginx_run LOG [WRAPPER…]: starts it under the wrapper; NGINX_PID is left.
nginx_run() {
	local log=$1
	shift
	spawn "$log" "$PORT_NGINX" "$@" nginx -e "$BUILD/nginx/error.log" -c "$BUILD/nginx/nginx.conf"
	NGINX_PID=$SPAWNED
	wait_http "$NGINX_URL/bench/hello" "$NGINX_PID" 60
}
