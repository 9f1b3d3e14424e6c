# Prices: quotes of the kernel on one core, and a quote over HTTP beside GETs by id that are made of tables: of its plan,
# and of a service, which is less to read and to write.

PLANS_ID=bench-plan

plans_counted() {
	shift
	medbookd_run "$PLANS_DB" 1 "$@"
}

part_plans() {
	local rate of_plan of_service
	rate=$(taskset -c 0 "$BUILD/cmake/tests/bench/quotes" "$SECONDS_EACH" | sed -n 's/^bench-quotes //p')
	[ -n "$rate" ] || { missing plans "quotes fails"; return; }
	row plans "quotes of the kernel, one core" "million/s" "$rate" "" "$rate" ">=" 50
	PLANS_DB=$(database_empty) || { missing plans "no migrated database"; return; }
	psql -X -q "$(pg_url "$PLANS_DB")" <<-SQL || { missing plans "no rows"; return; }
		INSERT INTO "SubscriptionPlan" ("id", "slug", "name", "basePrice", "interval", "tierPricing")
		VALUES ('$PLANS_ID', 'bench', 'Standard', 300, 'MONTHLY', '{"31-100": 5.00, "101-300": 4.00, "301+": 3.00}')
		ON CONFLICT DO NOTHING;
	SQL
	resources_fill "$PLANS_DB" || { missing plans "no service"; return; }
	instructions "$MEDBOOKD_URL/v1/plans/$PLANS_ID" plans_counted MEDBOOKD_PID && of_plan=$INSTRUCTIONS &&
		instructions "$MEDBOOKD_URL/v1/services/$RESOURCES_ID" plans_counted MEDBOOKD_PID && of_service=$INSTRUCTIONS &&
		instructions "$MEDBOOKD_URL/v1/plans/$PLANS_ID/quote?slots=350" plans_counted MEDBOOKD_PID ||
		{ missing plans "callgrind: see $BUILD/callgrind.log"; return; }
	row plans "a quote and a GET by id of its plan, instructions per request" "" "$INSTRUCTIONS" "$of_plan" \
		"$(calc "$INSTRUCTIONS / $of_plan")" "<=" 1.3
	row plans "a quote and a GET by id of a service, instructions per request" "" "$INSTRUCTIONS" "$of_service" \
		"$(calc "$INSTRUCTIONS / $of_service")" "<=" 1.3
}
