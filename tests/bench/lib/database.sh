# The databases of a run: migrated ones, empty or with the clinic of data.sql. A part that writes
# takes a copy. Sourced by run.sh after postgres.sh and medbookd.sh.

EMPTY_DB=bench_empty FILLED_DB=bench_filled

database_exists() {
	[ "$(sql postgres -c "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ]
}

# A migrated database without rows of ours; its name is printed.
database_empty() {
	if ! database_exists "$EMPTY_DB"; then
		sql postgres -c "CREATE DATABASE $EMPTY_DB" && medbookd_migrate "$EMPTY_DB" || return 1
	fi
	echo "$EMPTY_DB"
}

# The same with the clinic and its slots, vacuumed and analyzed; its name is printed. Slots of the
# 30-minute service are numbered by time and then by provider, so that neighbours in number are of
# different providers, as bookings of a busy day are.
database_filled() {
	if ! database_exists "$FILLED_DB"; then
		database_empty >/dev/null &&
			sql postgres -c "CREATE DATABASE $FILLED_DB TEMPLATE $EMPTY_DB" &&
			sql "$FILLED_DB" -f "$BENCH/data.sql" &&
			slotload "$FILLED_DB" &&
			sql "$FILLED_DB" -f "$BENCH/number_slots.sql" || return 1
	fi
	echo "$FILLED_DB"
}
