# Contention: 200 clients book one slot at the same moment, slot after slot.

part_contended() {
	local seen
	database_filled >/dev/null || { missing contended "no filled database"; return; }
	booking_fresh
	medbookd_run "$BOOKING_DB" "$BOOKING_WORKERS" ||
		{ missing contended "medbookd does not start: see $BUILD/medbookd.log"; return; }
	seq -f 'cslot%020.0f' "$RACES" >"$BUILD/races"
	seen=$("$BUILD/cmake/tests/tools/hammer" race --address "127.0.0.1:$PORT_MEDBOOKD" --clients 200 \
		--slots "$BUILD/races" 2>&1) || { missing contended "hammer: $seen"; return; }
	echo "$seen" >"$BUILD/contended.json"
	row contended "p99 of 200 clients on one slot, $RACES slots" ms \
		"$(contended_figure latency_ms.p99)" "" "$(contended_figure latency_ms.p99)" "<=" 250
	row contended "bookings made per slot" "" "$(calc "$(contended_figure status.201) / $RACES")" "" \
		"$(calc "$(contended_figure status.201) / $RACES")" "<=" 1
	stop "$MEDBOOKD_PID"
}

# contended_figure PATH: a number of hammer's report.
contended_figure() {
	lua5.4 - "$BUILD/contended.json" "$1" <<'LUA'
local value = require("cjson").decode(io.open(arg[1]):read("a"))
for key in arg[2]:gmatch("[^.]+") do value = value[key] or 0 end
print(value)
LUA
}
