# Lists over many: how much PostgreSQL looks at for a row shown, on 10,000 providers and 2 million slots (1,000 and
# 200,000 in a quick run), by the plan that serves any values. The statements of lua/queries as they are; no server
# takes part. Filled by the fixture with which query_plans_spec asserts the same bound on 2,000 providers.

MANY_DB=bench_many

lists_database() {
	database_exists "$MANY_DB" && return
	database_empty >/dev/null &&
		sql postgres -c "CREATE DATABASE $MANY_DB TEMPLATE $EMPTY_DB" &&
		sql "$MANY_DB" -v providers="$LISTED_PROVIDERS" -v days=20 -f "$TREE/tests/fixtures/many_providers.sql"
}

part_lists() {
	local name rows pages ms each most=20
	lists_database || { missing lists "the database cannot be filled"; return; }
	lua5.4 "$BENCH/lists.lua" ask "$TREE/lua" >"$BUILD/lists.sql" &&
		sql "$MANY_DB" -f "$BUILD/lists.sql" >"$BUILD/lists.out" &&
		lua5.4 "$BENCH/lists.lua" tell <"$BUILD/lists.out" >"$BUILD/lists.tsv" ||
		{ missing lists "a statement fails: see $BUILD/lists.sql"; return; }
	while IFS=$'\t' read -r name rows pages ms; do
		each=$(calc "$pages / $rows")
		row lists "$name, page of $rows in $ms ms: pages per row" "" "$each" "" "$each" "<=" "$most"
		most=21
	done <"$BUILD/lists.tsv"
}
