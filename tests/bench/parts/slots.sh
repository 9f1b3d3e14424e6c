# Cutting the slots of 60 days x 3 services x 100 providers with the kernel and storing them, against
# a bare COPY of the same rows from a file into the same table with its indexes and constraints.

SLOTS_DB=bench_slots

# slotload DATABASE: fills the slots of a database.
slotload() {
	"$BUILD/cmake/tests/bench/slotload" "$(pg_url "$1")" fill >"$BUILD/slotload.log" 2>&1
}

part_slots() {
	local seen rows ours copy ratio
	database_filled >/dev/null || { missing slots "no filled database"; return; }
	pg_copy_of "$FILLED_DB" "$SLOTS_DB"
	seen=$("$BUILD/cmake/tests/bench/slotload" "$(pg_url "$SLOTS_DB")" race "$ROUNDS" \
		"$PG_FOLDER/data/slots.copy" 2>"$BUILD/slotload.log") ||
		{ missing slots "$(tail -1 "$BUILD/slotload.log")"; return; }
	read -r rows ours copy ratio < <(sed -n 's/^bench-slots //p' <<<"$seen")
	row slots "cut and store $rows slots; bare COPY" ms "$ours" "$copy" "$ratio" ">=" 0.7
}
