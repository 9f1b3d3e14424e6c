-- Who gets through to what: every route, and each caller of tests/fixtures/people.sql. A route that is not here fails
-- tests/integration/every_route_spec.lua. Whoever is not named is refused: 401 without a token, else 403 or 404; so is
-- everybody where the row does not exist. `all` of a route without a row; `own` and `foreign` of one with a row: the
-- rows below, unless `rows` of the route tells others, with / between the ids of a path that has several; so does
-- `table` the table. "*" is everybody, "+" everybody who is signed in. `refuses`: it may answer 401, 403 or 404 of its
-- own, as a sign-in does.

local CLINIC <const> = "doctor user chief manager clerk admin root" -- who run the appointment of the own booking
local ADMINS <const> = "admin root"
local CHIEFS <const> = "user chief elsewhere admin root" -- OWNERs, ADMINs and the platform
-- A document of each provider that was approved, and another that waits.
local DOCUMENTS <const> = { own = "provider/paper", foreign = "provider2/paper" }

return {
  -- By the first part of the path after /v1: ids of a row that is one's own and of one that is not, and the table whose
  -- columns no body may assign at will.
  resources = {
    auth = { table = "User" },
    bookings = { table = "Booking", own = "of the patient", foreign = "foreign" },
    locations = { table = "Location", own = "location", foreign = "location2" },
    me = { table = "User" },
    plans = { table = "SubscriptionPlan", own = "plan", foreign = "retired" },
    organizations = { table = "Organization", own = "org", foreign = "org2" },
    places = { table = "Location" },
    ["provider-types"] = { table = "ProviderType", own = "type" },
    providers = { table = "Provider", own = "provider" },
    ["requirement-types"] = { table = "RequirementType", own = "requirement" },
    services = { table = "Service", own = "service" },
    submissions = { table = "RequirementSubmission" },
    statistics = { table = "Provider" },
    slots = { table = "CalculatedAvailabilitySlot" },
    users = { table = "User", own = "patient", foreign = "stranger" },
  },
  -- Lists that are walked, by their path: SQL that adds row number %d somewhere among the others, its id "added…"; SQL
  -- that removes those rows, unless none ever goes; the query that they need, the id in their path, what tells a row
  -- where that is not its id.
  lists = {
    ["/v1/locations"] = {
      add = [[INSERT INTO "Location" ("id", "organizationId", "name", "formattedAddress", "coordinates")
        VALUES ('added%d', 'org', chr(65 + %d %% 26) || 'x', 'x', '{"lat": 0, "lng": 0}')]],
      remove = [[DELETE FROM "Location" WHERE "id" LIKE 'added%']],
    },
    ["/v1/me/api-keys"] = {
      add = [[INSERT INTO "ApiKey" ("id", "userId", "name", "prefix", "tokenHash", "permissions")
        VALUES ('added%d', 'root', 'x', 'x', encode(sha256('key%d'), 'hex'), '{}')]],
      remove = [[DELETE FROM "ApiKey" WHERE "id" LIKE 'added%']],
    },
    ["/v1/me/accounts"] = {
      add = [[INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId")
        VALUES ('added' || chr(65 + %d %% 26) || '%d', 'root', 'oidc', 'added', 'added%d')]],
      remove = [[DELETE FROM "Account" WHERE "id" LIKE 'added%']],
    },
    ["/v1/me/sessions"] = {
      add = [[INSERT INTO "Session" ("id", "userId", "tokenHash", "createdAt", "expiresAt") VALUES ('added%d', 'root',
        encode(sha256('added%d'), 'hex'), timestamptz '2026-01-01' + %d %% 7 * interval '20 days', '2100-01-01')]],
      remove = [[DELETE FROM "Session" WHERE "id" LIKE 'added%']],
    },
    ["/v1/organizations"] = {
      add = [[INSERT INTO "Organization" ("id", "name", "status")
        VALUES ('added%d', chr(65 + %d %% 26) || 'x', 'ACTIVE')]],
      remove = [[DELETE FROM "Organization" WHERE "id" LIKE 'added%']],
    },
    ["/v1/organizations/{id}/history"] = {
      id = "org",
      add = [[INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus")
        VALUES ('Organization', 'org', 'added%d', 'ACTIVE', 'SUSPENDED')]],
    },
    ["/v1/plans"] = {
      add = [[INSERT INTO "SubscriptionPlan" ("id", "name", "basePrice", "interval", "includedSlots", "tierPricing")
        VALUES ('added%d', chr(65 + %d %% 26) || 'x', 1, 'MONTHLY', 0, '{"1+": 0}')]],
      remove = [[DELETE FROM "SubscriptionPlan" WHERE "id" LIKE 'added%']],
    },
    ["/v1/plans/{id}/versions"] = {
      id = "plan", key = "number",
      add = [[UPDATE "SubscriptionPlan" SET "basePrice" = 1000 + %d WHERE "id" = 'plan']],
      remove = [[DELETE FROM "SubscriptionPlanPrice" WHERE "planId" = 'plan' AND "basePrice" > 1000]],
    },
    ["/v1/provider-types"] = {
      add = [[INSERT INTO "ProviderType" ("id", "name") VALUES ('added%d', chr(65 + %d %% 26) || clock_timestamp())]],
      remove = [[DELETE FROM "ProviderType" WHERE "id" LIKE 'added%']],
    },
    ["/v1/providers"] = {
      add = [[INSERT INTO "User" ("id") VALUES ('addedu%d');
        INSERT INTO "Provider" ("id", "name", "userId", "image", "status", "compliantUntil")
        VALUES ('added%d', chr(65 + %d %% 26) || 'x', 'addedu%d', 'x', 'ACTIVE', 'infinity')]],
      remove = [[DELETE FROM "Provider" WHERE "id" LIKE 'added%'; DELETE FROM "User" WHERE "id" LIKE 'addedu%']],
    },
    ["/v1/providers/{id}/history"] = {
      id = "provider",
      add = [[INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus")
        VALUES ('Provider', 'provider', 'added%d', 'ACTIVE', 'SUSPENDED')]],
    },
    ["/v1/providers/{id}/service-configs"] = {
      id = "provider",
      add = [[INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
          VALUES ('addedc%d', 'x', 30, 1, 'type');
        INSERT INTO "ServiceAvailabilityConfig" ("id", "serviceId", "providerId", "duration", "price", "isInPerson",
          "isStanding", "createdAt")
        VALUES ('added%d', 'addedc%d', 'provider', 30, 1, true, true, now() - %d %% 7 * interval '99 days')]],
      remove = [[DELETE FROM "ServiceAvailabilityConfig" WHERE "id" LIKE 'added%';
        DELETE FROM "Service" WHERE "id" LIKE 'addedc%']],
    },
    ["/v1/requirement-types"] = {
      add = [[INSERT INTO "RequirementType" ("id", "name", "validationType", "displayPriority", "providerTypeId")
        VALUES ('added%d', 'x', 'BOOLEAN', %d %% 7, 'type')]],
      remove = [[DELETE FROM "RequirementType" WHERE "id" LIKE 'added%']],
    },
    ["/v1/services"] = {
      add = [[INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
        VALUES ('added%d', chr(65 + %d %% 26) || 'x', 30, 1, 'type')]],
      remove = [[DELETE FROM "Service" WHERE "id" LIKE 'added%']],
    },
    ["/v1/slots"] = {
      query = "providerId=provider&from=2100-01-01T00:00:00Z&to=2100-01-31T00:00:00Z",
      add = [[INSERT INTO "CalculatedAvailabilitySlot" ("id", "availabilityId", "serviceId", "serviceConfigId",
          "startTime", "endTime", "lastCalculated", "providerId", "locationId", "price",
          "isOnlineAvailable", "isInPerson")
        VALUES ('added%d', 'availability', 'service', 'config', timestamptz '2100-01-04 08:01Z' + %d * interval '7 min',
          timestamptz '2100-01-04 08:31Z' + %d * interval '7 min', now(), 'provider', 'location', 1, false, true)]],
      remove = [[DELETE FROM "CalculatedAvailabilitySlot" WHERE "id" LIKE 'added%']],
    },
    ["/v1/submissions"] = {
      add = [[INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId", "isRequired")
          VALUES ('addedr%d', 'x', 'BOOLEAN', 'type', false);
        INSERT INTO "RequirementSubmission" ("id", "requirementTypeId", "providerId", "documentMetadata", "submittedAt")
        VALUES ('added%d', 'addedr%d', 'provider', '{"value": true}', now() - %d %% 7 * interval '99 days')]],
      remove = [[DELETE FROM "RequirementSubmission" WHERE "id" LIKE 'added%';
        DELETE FROM "RequirementType" WHERE "id" LIKE 'addedr%']],
    },
    ["/v1/users"] = {
      add = [[INSERT INTO "User" ("id", "createdAt")
        VALUES ('added%d', timestamptz '2026-01-01' + %d %% 7 * interval '99 days')]],
      remove = [[DELETE FROM "User" WHERE "id" LIKE 'added%']],
    },
  },
  routes = {
    ["POST /v1/auth/forgot-password"] = { all = "*" },
    ["POST /v1/auth/login"] = { all = "*", refuses = true },
    ["POST /v1/auth/logout"] = { all = "+" },
    ["GET /v1/auth/oidc/{provider}/callback"] = { own = "*", refuses = true },
    ["GET /v1/auth/oidc/{provider}/start"] = { own = "*", refuses = true },
    ["POST /v1/auth/oidc/exchange"] = { all = "*", refuses = true },
    ["POST /v1/auth/register"] = { all = "*" },
    ["POST /v1/auth/resend-verification"] = { all = "*" },
    ["POST /v1/auth/reset-password"] = { all = "*", refuses = true },
    ["POST /v1/auth/verify-email"] = { all = "*", refuses = true },
    ["POST /v1/bookings"] = { all = "*", refuses = true },
    ["GET /v1/bookings/{id}"] = { own = "patient holder " .. CLINIC, foreign = "stranger doctor2 " .. ADMINS },
    ["POST /v1/bookings/{id}/cancel"] = { own = "patient holder " .. CLINIC, foreign = "stranger doctor2 " .. ADMINS },
    ["POST /v1/bookings/{id}/complete"] = { own = CLINIC, foreign = "doctor2 " .. ADMINS },
    ["POST /v1/bookings/{id}/confirm"] = { own = CLINIC, foreign = "doctor2 " .. ADMINS },
    ["POST /v1/bookings/{id}/decline"] = { own = CLINIC, foreign = "doctor2 " .. ADMINS },
    ["POST /v1/bookings/{id}/no-show"] = { own = CLINIC, foreign = "doctor2 " .. ADMINS },
    ["GET /v1/me"] = { all = "+" },
    ["PATCH /v1/me"] = { all = "+" },
    ["GET /v1/me/api-keys"] = { all = "+" },
    ["POST /v1/me/api-keys"] = { all = "+", refuses = true },
    ["DELETE /v1/me/api-keys/{id}"] = {
      own = "patient", foreign = "stranger", rows = { own = "key of patient", foreign = "key of stranger" },
    },
    ["POST /v1/me/change-email"] = { all = "+", refuses = true },
    ["POST /v1/me/change-password"] = { all = "+", refuses = true },
    ["POST /v1/me/delete"] = { all = "+", refuses = true },
    ["GET /v1/me/accounts"] = { all = "+" },
    ["DELETE /v1/me/accounts/{id}"] = {
      own = "patient", foreign = "stranger", rows = { own = "account of patient", foreign = "account of stranger" },
    },
    ["POST /v1/me/accounts/{id}"] = { own = "+", refuses = true },
    ["GET /v1/me/sessions"] = { all = "+" },
    ["DELETE /v1/me/sessions"] = { all = "+" },
    ["GET /v1/me/sessions/{id}"] = {
      own = "patient", foreign = "stranger", rows = { own = "session of patient", foreign = "session of stranger" },
    },
    ["DELETE /v1/me/sessions/{id}"] = {
      own = "patient", foreign = "stranger", rows = { own = "session of patient", foreign = "session of stranger" },
    },
    ["GET /v1/me/provider"] = { all = "+", refuses = true },
    ["POST /v1/me/phone"] = { all = "+" },
    ["POST /v1/me/verify-phone"] = { all = "+" },
    ["POST /v1/me/verify-whatsapp"] = { all = "+" },
    ["POST /v1/me/whatsapp"] = { all = "+" },
    ["GET /v1/locations"] = { all = "*" },
    ["GET /v1/locations/{id}"] = { own = "*", foreign = "*" },
    ["PATCH /v1/locations/{id}"] = { own = "user chief " .. ADMINS, foreign = "chief elsewhere " .. ADMINS },
    ["DELETE /v1/locations/{id}"] = { own = "user chief " .. ADMINS, foreign = "chief elsewhere " .. ADMINS },
    ["POST /v1/organizations/{id}/locations"] = { own = "chief " .. ADMINS, foreign = "foreign " .. ADMINS },
    ["GET /v1/organizations"] = { all = "*" },
    ["POST /v1/organizations"] = { all = "+" },
    ["GET /v1/organizations/{id}"] = { own = "*", foreign = "foreign " .. ADMINS },
    ["PATCH /v1/organizations/{id}"] = { own = CHIEFS, foreign = "foreign " .. ADMINS },
    ["POST /v1/organizations/{id}/activate"] = { own = ADMINS, rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/approve"] = { own = ADMINS, rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/cancel"] = { own = "foreign", rows = { own = "org2" } },
    ["GET /v1/organizations/{id}/history"] = {
      own = "user chief manager staff clerk elsewhere others " .. ADMINS, foreign = "foreign " .. ADMINS,
    },
    ["POST /v1/organizations/{id}/reinstate"] = { own = ADMINS, rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/reject"] = { own = ADMINS, rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/reset"] = { own = ADMINS, rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/start-trial"] = { own = "foreign", rows = { own = "org2" } },
    ["POST /v1/organizations/{id}/suspend"] = { own = ADMINS, rows = { own = "org2" } },
    ["GET /v1/places"] = { all = "+" },
    ["GET /v1/plans"] = { all = "*" },
    ["POST /v1/plans"] = { all = "root" },
    ["GET /v1/plans/{id}"] = { own = "*", foreign = "root" },
    ["PATCH /v1/plans/{id}"] = { own = "root", foreign = "root" },
    ["GET /v1/plans/{id}/quote"] = { own = "*", foreign = "root" },
    ["GET /v1/plans/{id}/versions"] = { own = "*", foreign = "root" },
    ["GET /v1/provider-types"] = { all = "*" },
    ["POST /v1/provider-types"] = { all = ADMINS },
    ["GET /v1/provider-types/{id}"] = { own = "*" },
    ["PATCH /v1/provider-types/{id}"] = { own = ADMINS },
    ["DELETE /v1/provider-types/{id}"] = { own = ADMINS },
    ["GET /v1/provider-types/{id}/requirements"] = { own = "*" },
    ["POST /v1/provider-types/{id}/requirements/check"] = { own = "*" },
    ["GET /v1/providers"] = { all = "*" },
    ["POST /v1/providers"] = { all = "+" },
    ["GET /v1/providers/{id}"] = { own = "*" },
    ["POST /v1/providers/{id}/activate"] = { own = ADMINS, rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/approve"] = { own = ADMINS, rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/cancel"] = { own = "doctor2", rows = { own = "provider2" } },
    ["GET /v1/providers/{id}/history"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
    },
    ["POST /v1/providers/{id}/reinstate"] = { own = ADMINS, rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/reject"] = { own = ADMINS, rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/reset"] = { own = ADMINS, rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/start-trial"] = { own = "doctor2", rows = { own = "provider2" } },
    ["POST /v1/providers/{id}/suspend"] = { own = ADMINS, rows = { own = "provider2" } },
    ["PUT /v1/providers/{id}/types"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
    },
    ["GET /v1/providers/{id}/service-configs"] = { own = "*" },
    ["POST /v1/providers/{id}/service-configs"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
      table = "ServiceAvailabilityConfig",
    },
    ["GET /v1/providers/{id}/service-configs/{configId}"] = { own = "*", rows = { own = "provider/config" } },
    ["PATCH /v1/providers/{id}/service-configs/{configId}"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, table = "ServiceAvailabilityConfig",
      rows = { own = "provider/config", foreign = "provider2/config2" },
    },
    ["DELETE /v1/providers/{id}/service-configs/{configId}"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS,
      rows = { own = "provider/config", foreign = "provider2/config2" },
    },
    ["GET /v1/providers/{id}/submissions"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
    },
    ["PUT /v1/providers/{id}/submissions/{requirementType}"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, table = "RequirementSubmission",
      rows = { own = "provider/requirement", foreign = "provider2/requirement" },
    },
    ["POST /v1/providers/{id}/submissions/{requirementType}/approve"] = {
      own = ADMINS, rows = { own = "provider/requirement" }, table = "RequirementSubmission",
    },
    ["POST /v1/providers/{id}/submissions/{requirementType}/reject"] = {
      own = ADMINS, rows = { own = "provider/requirement" }, table = "RequirementSubmission",
    },
    ["GET /v1/requirement-types"] = { all = "*" },
    ["POST /v1/requirement-types"] = { all = ADMINS },
    ["GET /v1/requirement-types/{id}"] = { own = "*" },
    ["PATCH /v1/requirement-types/{id}"] = { own = ADMINS },
    ["DELETE /v1/requirement-types/{id}"] = { own = ADMINS },
    ["PUT /v1/providers/{id}/submissions/{requirementType}/document"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = DOCUMENTS,
    },
    ["GET /v1/providers/{id}/submissions/{requirementType}/document"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = DOCUMENTS,
    },
    ["DELETE /v1/providers/{id}/submissions/{requirementType}/document"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = DOCUMENTS, refuses = true,
    },
    ["PUT /v1/providers/{id}/image"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
    },
    ["GET /v1/providers/{id}/image"] = { own = "*" },
    ["DELETE /v1/providers/{id}/image"] = { own = "doctor2 " .. ADMINS, rows = { own = "provider2" } },
    ["PATCH /v1/providers/{id}"] = {
      own = "doctor " .. ADMINS, foreign = "doctor2 " .. ADMINS, rows = { own = "provider", foreign = "provider2" },
    },
    ["GET /v1/statistics"] = { all = ADMINS },
    ["GET /v1/services"] = { all = "*" },
    ["POST /v1/services"] = { all = ADMINS },
    ["GET /v1/services/{id}"] = { own = "*" },
    ["PATCH /v1/services/{id}"] = { own = ADMINS },
    ["DELETE /v1/services/{id}"] = { own = ADMINS },
    ["GET /v1/slots"] = { all = "*" },
    ["GET /v1/submissions"] = { all = ADMINS },
    ["GET /v1/users"] = { all = "+" },
    ["PUT /v1/users/{id}/role"] = { own = ADMINS, rows = { own = "target" }, refuses = true },
    ["POST /v1/users/{id}/lock"] = { own = ADMINS, rows = { own = "target" }, refuses = true },
    ["POST /v1/users/{id}/unlock"] = { own = ADMINS, rows = { own = "target" }, refuses = true },
    ["GET /v1/users/{id}"] = { own = "patient " .. ADMINS, foreign = "stranger " .. ADMINS },
  },
}
