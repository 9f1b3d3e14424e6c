# What a resource costs that is made of a table (lua/mb/resource.lua): a GET by id beside the same route by hand.

RESOURCES_ID=bench-service

resources_counted() {
	shift
	medbookd_run "$RESOURCES_DB" 1 "$@"
}

# resources_fill DATABASE: the service, once.
resources_fill() {
	psql -X -q "$(pg_url "$1")" <<-SQL
		INSERT INTO "ProviderType" ("id", "name") VALUES ('bench-type', 'Dentist') ON CONFLICT DO NOTHING;
		INSERT INTO "Service" ("id", "name", "description", "defaultDuration", "defaultPrice", "providerTypeId")
		VALUES ('$RESOURCES_ID', 'Check-up', 'Teeth and gums', 30, 450, 'bench-type') ON CONFLICT DO NOTHING;
	SQL
}

part_resources() {
	local generated
	RESOURCES_DB=$(database_empty) || { missing resources "no migrated database"; return; }
	resources_fill "$RESOURCES_DB" || { missing resources "no rows"; return; }
	instructions "$MEDBOOKD_URL/v1/services/$RESOURCES_ID" resources_counted MEDBOOKD_PID ||
		{ missing resources "callgrind: see $BUILD/callgrind.log"; return; }
	generated=$INSTRUCTIONS
	instructions "$MEDBOOKD_URL/bench/services/$RESOURCES_ID" resources_counted MEDBOOKD_PID ||
		{ missing resources "callgrind: see $BUILD/callgrind.log"; return; }
	row resources "GET by id of a resource and the same route by hand, instructions per request" "" "$generated" \
		"$INSTRUCTIONS" "$(calc "$generated / $INSTRUCTIONS")" "<=" 1.15
}
