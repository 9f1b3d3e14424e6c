# User-space instructions per request, counted by callgrind: the server runs twice, is loaded for a
# short and then for a longer while, and the difference of the two counts leaves start and end out.
# The figure does not depend on how busy the machine is. Sourced by run.sh after load.sh.

# callgrind_total FOLDER: instructions of all processes that wrote a profile there.
callgrind_total() {
	sed -n 's/^totals: *//p' "$1"/callgrind.out.* | awk '{ n += $1 } END { printf "%.0f", n }'
}

# instructions URL RUN PIDVAR [SCRIPT]: RUN is called with a log file and the callgrind command, starts the
# server under it and leaves its process id in the variable PIDVAR. Sets INSTRUCTIONS.
instructions() {
	local url=$1 run=$2 pidvar=$3 script=${4:-get.lua} folder=$BUILD/callgrind seconds counts=() requests=()
	for seconds in 1 "$COUNTED_SECONDS"; do
		rm -rf "$folder"
		mkdir -p "$folder"
		chmod 1777 "$folder" # workers write their profile as an unprivileged user
		# Under callgrind scripts take longer to load than a server waits for them.
		"$run" "$BUILD/callgrind.log" env MEDBOOKD_RELOAD_LOAD_TIMEOUT=60s valgrind --tool=callgrind --quiet \
			--callgrind-out-file="$folder/callgrind.out.%p" || return 1
		load "$url" 32 "$seconds" "$script"
		stop "${!pidvar}"
		counts+=("$(callgrind_total "$folder")") requests+=("$REQUESTS")
	done
	# A worker that was killed before it wrote its profile would be missing from the difference.
	[ "${counts[1]}" -gt "${counts[0]}" ] && [ "${requests[1]}" -gt "${requests[0]}" ] || return 1
	INSTRUCTIONS=$(calc "(${counts[1]} - ${counts[0]}) / (${requests[1]} - ${requests[0]})")
}
