-- Every constraint of the schema refuses what it is there for, by name. A constraint without a case
-- here fails the last test of its kind.

local cluster = require "support.cluster"
local paths = require "support.paths"
local psql = require "support.psql"

-- name -> a statement that this constraint alone refuses, on the rows of fixtures/one_of_each.sql.
local CHECKS <const> = {
  User_email_check = [[UPDATE "User" SET "email" = '@example.org' WHERE "id" = 'user']],
  RequirementSubmission_approvedMetadata_check = [[UPDATE "RequirementSubmission" SET "approvedAt" = NULL]],
  ProviderFile_size_check = [[UPDATE "ProviderFile" SET "size" = 6]],
  ProviderFile_sha256_check = [[UPDATE "ProviderFile" SET "sha256" = 'none']],
  ProviderFile_completedAt_check = [[UPDATE "ProviderFile" SET "completedAt" = now()]],
  ProviderFilePiece_bytes_check = [[UPDATE "ProviderFilePiece" SET "bytes" = '']],
  Session_tokenHash_check = [[UPDATE "Session" SET "tokenHash" = 'a token in the clear']],
  Session_expiresAt_check = [[UPDATE "Session" SET "expiresAt" = "createdAt"]],
  SignInCode_codeHash_check = [[UPDATE "SignInCode" SET "codeHash" = 'a code in the clear']],
  EmailVerificationToken_token_check = [[UPDATE "EmailVerificationToken" SET "token" = 'a token in the clear']],
  ApiKey_tokenHash_check = [[UPDATE "ApiKey" SET "tokenHash" = 'a key in the clear']],
  PasswordResetToken_token_check = [[UPDATE "PasswordResetToken" SET "token" = 'a token in the clear']],
  ContactCode_kind_check = [[UPDATE "ContactCode" SET "kind" = 'email']],
  ContactCode_tries_check = [[UPDATE "ContactCode" SET "tries" = 6]],
  ContactCodeCount_count_check = [[UPDATE "ContactCodeCount" SET "count" = 0]],
  LoginAttempt_failureReason_check = [[UPDATE "LoginAttempt" SET "success" = true]],
  OrganizationInvitation_email_check = [[UPDATE "OrganizationInvitation" SET "email" = 'nobody']],
  Location_isListed_check = [[UPDATE "Location" SET "isListed" = true, "closed" = true]],
  Location_timeZone_check = [[UPDATE "Location" SET "timeZone" = 'Africa/Nowhere']],
  Location_coordinates_check = [[UPDATE "Location" SET "coordinates" = '{"lat": 91, "lng": 28.0}']],
  Service_defaultDuration_check = [[UPDATE "Service" SET "defaultDuration" = 0]],
  Service_defaultPrice_check = [[UPDATE "Service" SET "defaultPrice" = -0.01]],
  Provider_averageRating_check = [[UPDATE "Provider" SET "averageRating" = 5.1]],
  Provider_totalReviews_check = [[UPDATE "Provider" SET "totalReviews" = -1]],
  Organization_suspendedFrom_check = [[UPDATE "Organization" SET "suspendedFrom" = 'TRIAL']],
  Organization_timeZone_check = [[UPDATE "Organization" SET "timeZone" = 'Africa/Nowhere']],
  Provider_reminderChannels_check = [[UPDATE "Provider" SET "reminderChannels" = '{fax}']],
  Provider_reminderHours_check = [[UPDATE "Provider" SET "reminderHours" = 73]],
  Provider_suspendedFrom_check = [[UPDATE "Provider" SET "suspendedFrom" = 'TRIAL']],
  Provider_timeZone_check = [[UPDATE "Provider" SET "timeZone" = 'SAST']],
  ServiceAvailabilityConfig_duration_check = [[UPDATE "ServiceAvailabilityConfig" SET "duration" = 0]],
  ServiceAvailabilityConfig_price_check = [[UPDATE "ServiceAvailabilityConfig" SET "price" = -1]],
  ServiceAvailabilityConfig_bufferBefore_check = [[UPDATE "ServiceAvailabilityConfig" SET "bufferBefore" = 241]],
  ServiceAvailabilityConfig_bufferAfter_check = [[UPDATE "ServiceAvailabilityConfig" SET "bufferAfter" = -1]],
  CalendarIntegration_syncIntervalMinutes_check = [[UPDATE "CalendarIntegration" SET "syncIntervalMinutes" = 0]],
  CalendarEvent_endTime_check = [[UPDATE "CalendarEvent" SET "endTime" = "startTime" - interval '1 ms']],
  CalendarSyncOperation_completedAt_check =
    [[UPDATE "CalendarSyncOperation" SET "completedAt" = "startedAt" - interval '1 s']],
  CalendarSyncOperation_syncWindowEnd_check =
    [[UPDATE "CalendarSyncOperation" SET "syncWindowEnd" = "syncWindowStart"]],
  CalendarSyncOperation_retryCount_check = [[UPDATE "CalendarSyncOperation" SET "retryCount" = -1]],
  CalendarSyncOperation_events_check = [[UPDATE "CalendarSyncOperation" SET "eventsFailed" = -1]],
  Availability_endTime_check = [[UPDATE "Availability" SET "endTime" = "startTime"]],
  Availability_locationId_check =
    [[UPDATE "Availability" SET "locationId" = NULL, "isOnlineAvailable" = false]],
  CalculatedAvailabilitySlot_endTime_check =
    [[UPDATE "CalculatedAvailabilitySlot" SET "endTime" = "startTime" + interval '25 hours' WHERE "id" = '0930']],
  Booking_endTime_check = [[UPDATE "Booking" SET "endTime" = "startTime"]],
  Booking_clientId_check = [[UPDATE "Booking" SET "guestName" = 'and a guest too']],
  Booking_isOnline_check = [[UPDATE "Booking" SET "isOnline" = true, "isInPerson" = true]],
  Booking_price_check = [[UPDATE "Booking" SET "price" = -1]],
  Booking_buffer_check = [[UPDATE "Booking" SET "bufferAfter" = 241]],
  Booking_status_check = [[UPDATE "Booking" SET "status" = 'CANCELLED', "slotId" = NULL, "cancelledAt" = now()]],
  SlotHold_endTime_check = [[UPDATE "SlotHold" SET "endTime" = "startTime"]],
  SlotHold_buffer_check = [[UPDATE "SlotHold" SET "bufferAfter" = 241]],
  SlotHold_expiresAt_check = [[UPDATE "SlotHold" SET "expiresAt" = "createdAt"]],
  SubscriptionPlan_basePrice_check = [[UPDATE "SubscriptionPlan" SET "basePrice" = -1]],
  SubscriptionPlan_currency_check = [[UPDATE "SubscriptionPlan" SET "currency" = 'Rand']],
  SubscriptionPlan_includedSlots_check = [[UPDATE "SubscriptionPlan" SET "includedSlots" = -1]],
  SubscriptionPlan_tierPricing_check = [[UPDATE "SubscriptionPlan" SET "tierPricing" = '[5]']],
  ProviderType_slug_check = [[UPDATE "ProviderType" SET "slug" = 'two.words']],
  Service_slug_check = [[UPDATE "Service" SET "slug" = '-']],
  RequirementType_slug_check = [[UPDATE "RequirementType" SET "slug" = '']],
  SubscriptionPlan_slug_check = [[UPDATE "SubscriptionPlan" SET "slug" = 'Two words']],
  SubscriptionPlan_maxProviders_check = [[UPDATE "SubscriptionPlan" SET "maxProviders" = 0]],
  SubscriptionPlan_maxLocations_check = [[UPDATE "SubscriptionPlan" SET "maxLocations" = 0]],
  Subscription_owner_check = [[UPDATE "Subscription" SET "organizationId" = 'org']],
  Subscription_endDate_check = [[UPDATE "Subscription" SET "endDate" = "startDate"]],
  Subscription_billingCycleEnd_check = [[UPDATE "Subscription" SET "billingCycleEnd" = "billingCycleStart"]],
  Subscription_currentMonthSlots_check = [[UPDATE "Subscription" SET "currentMonthSlots" = -1]],
  UsageRecord_priceCharged_check = [[UPDATE "UsageRecord" SET "priceCharged" = -1]],
  UsageRecord_processedAt_check = [[UPDATE "UsageRecord" SET "processed" = true]],
  Payment_amount_check = [[UPDATE "Payment" SET "usageAmount" = -1]],
  Payment_currency_check = [[UPDATE "Payment" SET "currency" = 'R']],
  Payment_billingPeriodEnd_check = [[UPDATE "Payment" SET "billingPeriodEnd" = "billingPeriodStart"]],
  Payment_slotsCovered_check = [[UPDATE "Payment" SET "slotsCovered" = -1]],
  StatusHistory_toStatus_check = [[INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus",
    "toStatus") VALUES ('Booking', 'booking', 'stay', 'CONFIRMED', 'CONFIRMED')]],
  PluginState_key_check = [[UPDATE "PluginState" SET "key" = '']],
  Job_payload_check = [[UPDATE "Job" SET "payload" = jsonb_build_object('a', repeat('a', 65536))]],
  Job_attempts_check = [[UPDATE "Job" SET "attempts" = 4]],
  Job_leaseUntil_check = [[UPDATE "Job" SET "status" = 'RUNNING', "leaseOwner" = 'somebody']],
  Job_lastError_check = [[UPDATE "Job" SET "lastError" = repeat('a', 4001)]],
  Job_finishedAt_check = [[UPDATE "Job" SET "status" = 'DEAD']],
  IdempotencyKey_status_check = [[UPDATE "IdempotencyKey" SET "status" = 409]],
}

-- A second row like the first one of the table, but for these columns.
local function another(tbl, changes)
  return ([[INSERT INTO "%s" SELECT (jsonb_populate_record(t, '%s')).* FROM "%s" t ORDER BY t."id" LIMIT 1]])
    :format(tbl, changes, tbl)
end

local UNIQUES <const> = {
  User_email_key = another("User", '{"id": "2"}'),
  User_email_lower_key = another("User", '{"id": "2", "email": "NALEDI@example.org"}'),
  Account_provider_providerAccountId_key = another("Account", '{"id": "2"}'),
  Session_tokenHash_key = another("Session", '{"id": "2"}'),
  EmailVerificationToken_token_key = another("EmailVerificationToken", '{"id": "2"}'),
  ApiKey_tokenHash_key = another("ApiKey", '{"id": "2"}'),
  ContactCode_userId_kind_key = another("ContactCode", '{"id": "2"}'),
  PasswordResetToken_token_key = another("PasswordResetToken", '{"id": "2"}'),
  OrganizationMembership_organizationId_userId_key = another("OrganizationMembership", '{"id": "2"}'),
  OrganizationInvitation_token_key =
    another("OrganizationInvitation", '{"id": "2", "email": "b@x", "membershipId": null}'),
  OrganizationInvitation_membershipId_key =
    another("OrganizationInvitation", '{"id": "2", "email": "b@x", "token": "2"}'),
  OrganizationInvitation_organizationId_email_pending_key =
    another("OrganizationInvitation", '{"id": "2", "email": "NEW@example.org", "token": "2", "membershipId": null}'),
  Location_googlePlaceId_key = another("Location", '{"id": "2"}'),
  ProviderType_name_key = another("ProviderType", '{"id": "2", "slug": "2"}'),
  ProviderType_slug_key = another("ProviderType", '{"id": "2", "name": "2"}'),
  Service_providerTypeId_slug_key = another("Service", '{"id": "2"}'),
  RequirementType_providerTypeId_slug_key = another("RequirementType", '{"id": "2"}'),
  Provider_userId_key = another("Provider", '{"id": "2"}'),
  Provider_imageFileId_key = [[UPDATE "Provider" SET "imageFileId" = 'file'; INSERT INTO "User" ("id") VALUES ('2');]]
    .. another("Provider", '{"id": "2", "userId": "2"}'),
  ProviderTypeAssignment_providerId_providerTypeId_key = another("ProviderTypeAssignment", '{"id": "2"}'),
  OrganizationProviderConnection_organizationId_providerId_key =
    another("OrganizationProviderConnection", '{"id": "2"}'),
  RequirementSubmission_requirementTypeId_providerId_key = another("RequirementSubmission", '{"id": "2"}'),
  CalendarIntegration_providerId_key = another("CalendarIntegration", '{"id": "2"}'),
  CalendarEvent_calendarIntegrationId_externalEventId_key = another("CalendarEvent", '{"id": "2"}'),
  CalculatedAvailabilitySlot_availabilityId_serviceConfigId_s_key =
    another("CalculatedAvailabilitySlot", '{"id": "2"}'),
  Booking_slotId_key = another("Booking",
    '{"id": "2", "reference": "22222222", "startTime": "2100-01-05T08:00Z", "endTime": "2100-01-05T09:00Z"}'),
  Booking_reference_key = another("Booking",
    '{"id": "2", "slotId": "0930", "startTime": "2100-01-05T08:00Z", "endTime": "2100-01-05T09:00Z"}'),
  SubscriptionPlan_slug_key = another("SubscriptionPlan", '{"id": "2"}'),
  Subscription_providerId_base_key = another("Subscription", '{"id": "2"}'),
  Subscription_organizationId_base_key =
    [[UPDATE "Subscription" SET "providerId" = NULL, "organizationId" = 'org';]]
    .. another("Subscription", '{"id": "2"}'),
  Subscription_locationId_base_key =
    [[UPDATE "Subscription" SET "providerId" = NULL, "locationId" = 'location';]]
    .. another("Subscription", '{"id": "2"}'),
  ServiceAvailabilityConfig_providerId_serviceId_locationId_key =
    [[UPDATE "ServiceAvailabilityConfig" SET "serviceId" = 'service', "locationId" = NULL]],
  Job_kind_key_live_key = another("Job", '{"id": "2"}'),
  UsageRecord_slotId_key = another("UsageRecord", '{"id": "2"}'),
}

local EXCLUSIONS <const> = {
  Availability_providerId_startTime_endTime_excl =
    another("Availability", '{"id": "2", "startTime": "2100-01-04T11:59Z", "endTime": "2100-01-04T13:00Z"}'),
  Booking_providerId_startTime_endTime_excl =
    another("Booking", '{"id": "2", "reference": "22222222", "slotId": "0800long", "endTime": "2100-01-04T09:00Z"}'),
}

-- Keys that only let others refer to them, unique as their first column is the primary key.
local TARGETS <const> = {
  Availability_id_providerId_key = true, ServiceAvailabilityConfig_id_providerId_serviceId_key = true,
  OrganizationMembership_id_organizationId_key = true, Location_id_organizationId_key = true,
}

-- Foreign keys by what a delete does. Each column is set to refer to nowhere; the text is added to that
-- update, or stands in its place.
local RESTRICTED <const> = {
  Organization_approvedById_fkey = "", OrganizationInvitation_invitedById_fkey = "",
  OrganizationInvitation_membershipId_fkey = "", Service_providerTypeId_fkey = "", Provider_userId_fkey = "",
  Provider_approvedById_fkey = "",
  ServiceAvailabilityConfig_serviceId_fkey =
    another("ServiceAvailabilityConfig", '{"id": "2", "serviceId": "nowhere"}'),
  ServiceAvailabilityConfig_providerId_fkey =
    another("ServiceAvailabilityConfig", '{"id": "2", "providerId": "nowhere"}'),
  ServiceAvailabilityConfig_locationId_fkey = "",
  OrganizationProviderConnection_organizationId_fkey =
    another("OrganizationProviderConnection", '{"id": "2", "organizationId": "nowhere"}'),
  OrganizationProviderConnection_providerId_fkey =
    another("OrganizationProviderConnection", '{"id": "2", "providerId": "nowhere"}'),
  RequirementType_providerTypeId_fkey = "", RequirementSubmission_requirementTypeId_fkey = "",
  RequirementSubmission_providerId_fkey = "", RequirementSubmission_validatedById_fkey = "",
  ProviderFile_providerId_fkey = "", Provider_imageFileId_fkey = "", CalendarIntegration_providerId_fkey = "",
  CalendarEvent_calendarIntegrationId_fkey = "",
  CalendarSyncOperation_calendarIntegrationId_fkey = "",
  Availability_providerId_fkey = another("Availability", '{"id": "2", "providerId": "nowhere"}'),
  Availability_organizationId_fkey = "", Availability_locationId_fkey = "", Availability_createdById_fkey = "",
  Availability_acceptedById_fkey = "", CalculatedAvailabilitySlot_availabilityId_fkey = "",
  CalculatedAvailabilitySlot_serviceId_fkey = "",
  CalculatedAvailabilitySlot_serviceConfigId_fkey = [[ WHERE "id" = '0930']],
  CalculatedAvailabilitySlot_blockedByEventId_fkey = "", Booking_slotId_fkey = "", Booking_createdById_fkey = "",
  Booking_createdByMembershipId_fkey = "", Booking_clientId_fkey = "", Booking_confirmedById_fkey = "",
  Booking_locationId_fkey = "", Booking_cancelledById_fkey = "", Booking_serviceConfigId_fkey = "",
  Subscription_organizationId_fkey = [[, "providerId" = NULL]], Subscription_providerId_fkey = "",
  Subscription_locationId_fkey = [[, "providerId" = NULL]], Subscription_planId_fkey = "",
  UsageRecord_subscriptionId_fkey = "", Payment_subscriptionId_fkey = "", Booking_organizationId_fkey = "",
}
-- As RESTRICT, but for an organization that goes with all of its own.
local KEPT <const> = {
  MembershipLocation_locationId_fkey = "",
  MembershipProvider_providerId_fkey = [[INSERT INTO "MembershipProvider" VALUES ('member', 'nowhere', 'org')]],
}
local CASCADED <const> = {
  Account_userId_fkey = "", Session_userId_fkey = "", EmailVerificationToken_userId_fkey = "",
  PasswordResetToken_userId_fkey = "", LoginAttempt_userId_fkey = "", ApiKey_userId_fkey = "",
  ContactCode_userId_fkey = "", SubscriptionPlanPrice_planId_fkey = "", SignInCode_userId_fkey = "",
  OrganizationMembership_organizationId_fkey =
    another("OrganizationMembership", '{"id": "2", "organizationId": "nowhere"}'),
  OrganizationMembership_userId_fkey = "", OrganizationInvitation_organizationId_fkey = "",
  Location_organizationId_fkey =
    another("Location", '{"id": "2", "googlePlaceId": "2", "organizationId": "nowhere"}'),
  ["_ProviderToService_A_fkey"] = "", ["_ProviderToService_B_fkey"] = "",
  ProviderTypeAssignment_providerId_fkey = "", ProviderTypeAssignment_providerTypeId_fkey = "",
  ProviderFilePiece_fileId_fkey = "", ProviderAgenda_providerId_fkey = "",
  ["_AvailabilityToServiceAvailabilityConfig_A_fkey"] = "",
  ["_AvailabilityToServiceAvailabilityConfig_B_fkey"] = [[ WHERE "B" = 'config']],
  SlotHold_slotId_fkey = "", SlotHold_providerId_fkey = "", MembershipLocation_membershipId_fkey = "",
  MembershipProvider_membershipId_fkey = "",
}

describe("the schema's constraints", function()
  local database

  -- SQLSTATE and constraint that each statement is refused with, by name of the case; "accepted"
  -- otherwise. All in one session; nothing of them stays.
  local function refusals(cases)
    local values = {}
    for name, sql in pairs(cases) do values[#values + 1] = ("('%s', $case$%s$case$)"):format(name, sql) end
    local found = {}
    local list = table.concat(values, ",")
    local rows = database.query(([[
        CREATE FUNCTION pg_temp.refusal(sql text) RETURNS text LANGUAGE plpgsql AS $$
        DECLARE
            name text;
        BEGIN
            EXECUTE sql;
            RAISE EXCEPTION 'undo' USING ERRCODE = 'MB000';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
            RETURN CASE SQLSTATE WHEN 'MB000' THEN 'accepted' ELSE SQLSTATE || ' ' || name END;
        END $$;
        SELECT name, pg_temp.refusal(sql) AS refusal FROM (VALUES %s) c (name, sql)]]):format(list))
    for _, row in ipairs(rows) do
      found[row.name] = row.refusal
    end
    return found
  end

  local function refusal(sql) return refusals { it = sql }.it end

  local function named(condition)
    local names = {}
    for _, row in ipairs(database.query(([[
        SELECT conname AS name FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
           AND conrelid::regclass::text <> '_medbookd_migrations'
           AND %s ORDER BY 1]]):format(condition))) do
      names[#names + 1] = row.name
    end
    return names
  end

  local function assert_all_known(names, ...)
    for _, name in ipairs(names) do
      local known = false
      for _, cases in ipairs { ... } do known = known or cases[name] ~= nil end
      assert.is_true(known, name .. " has no case")
    end
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run [[
      INSERT INTO "Organization" ("id", "name") VALUES ('org2', 'Second');
      INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role")
      VALUES ('member2', 'org2', 'user', 'STAFF');
      INSERT INTO "Location" ("id", "organizationId", "name", "googlePlaceId", "formattedAddress", "coordinates")
      VALUES ('house2', 'org2', 'x', 'place2', 'x', '{"lat": 0, "lng": 0}');
      INSERT INTO "MembershipLocation" ("membershipId", "locationId", "organizationId")
      VALUES ('member2', 'house2', 'org2')]]
  end)

  for state, cases in pairs { ["23514"] = CHECKS, ["23505"] = UNIQUES, ["23P01"] = EXCLUSIONS } do
    describe("of SQLSTATE " .. state, function()
      local found
      setup(function() found = refusals(cases) end)
      for name in pairs(cases) do
        it("include " .. name, function() assert.equal(state .. " " .. name, found[name]) end)
      end
    end)
  end

  it("let times touch, PENDING availabilities overlap and cancelled bookings leave their time", function()
    assert.equal("accepted", refusal(another("Availability",
      '{"id": "2", "startTime": "2100-01-04T12:00Z", "endTime": "2100-01-04T13:00Z"}')))
    assert.equal("accepted", refusal(another("Availability", '{"id": "2", "status": "PENDING"}')))
    assert.equal("accepted", refusal([[
      UPDATE "Booking" SET "status" = 'CANCELLED', "slotId" = NULL, "cancelledAt" = now(), "reasonCode" = 'x';]]
      .. another("Booking", '{"id": "2", "reference": "22222222", "slotId": "0800",'
        .. '"status": "CONFIRMED", "cancelledAt": null, "reasonCode": null}')))
  end)

  describe("between tables", function()
    local actions, found = {}, nil
    setup(function()
      local cases = {}
      for _, row in ipairs(database.query [[
          SELECT c.conname AS name, c.conrelid::regclass AS child, quote_ident(a.attname) AS col,
                 CASE c.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION'
                      END AS action
            FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
           WHERE c.contype = 'f']]) do
        local extra = RESTRICTED[row.name] or CASCADED[row.name] or KEPT[row.name] or ""
        actions[row.name] = row.action
        cases[row.name] = extra:find "^INSERT" and extra
          or ("UPDATE %s SET %s = 'nowhere'%s"):format(row.child, row.col, extra)
      end
      found = refusals(cases)
    end)
    for action, keys in pairs { RESTRICT = RESTRICTED, CASCADE = CASCADED, ["NO ACTION"] = KEPT } do
      for name in pairs(keys) do
        it(("include %s on delete %s"):format(name, action), function()
          assert.equal(action, actions[name])
          assert.equal("23503 " .. name, found[name])
        end)
      end
    end
  end)

  it("have a case here, every one", function()
    assert_all_known(named "contype = 'c'", CHECKS)
    assert_all_known(named "contype = 'u'", UNIQUES, TARGETS)
    assert_all_known(named "contype = 'x'", EXCLUSIONS)
    assert_all_known(named "contype = 'f'", RESTRICTED, CASCADED, KEPT)
    local indexes = database.query [[SELECT indexrelid::regclass::text AS name FROM pg_index
      WHERE indisunique AND indrelid::regclass::text NOT LIKE 'pg_%' AND indrelid::regclass::text NOT LIKE '%.%'
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)]]
    for _, row in ipairs(indexes) do
      local name = row.name:gsub('"', "")
      assert.is_truthy(UNIQUES[name], name .. " has no case")
    end
  end)

  it("let no primary key stand twice", function()
    local cases = {}
    for _, row in ipairs(database.query [[SELECT conrelid::regclass::text AS tbl, conname AS name,
          (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
            WHERE attrelid = conrelid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
        FROM pg_constraint
        WHERE contype = 'p' AND connamespace = 'public'::regnamespace AND conname <> '_medbookd_migrations_pkey']]) do
      cases[row.name] = ("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s LIMIT 1"):format(row.tbl,
        row.columns, row.columns, row.tbl)
    end
    for name, refused in pairs(refusals(cases)) do assert.equal("23505 " .. name, refused) end
  end)

  it("keep what a person, an organization or a slot is part of", function()
    assert.matches("^23503 ", refusal [[DELETE FROM "User" WHERE "id" = 'patient']])
    assert.matches("^23503 ", refusal [[DELETE FROM "Organization"]])
    assert.equal("23503 Booking_slotId_fkey", refusal [[DELETE FROM "CalculatedAvailabilitySlot"]])
  end)

  it("never widen a membership by what they let go of", function()
    assert.equal("23503 MembershipProvider_providerId_fkey",
      refusal [[DELETE FROM "OrganizationProviderConnection"]])
    assert.equal("23503 MembershipLocation_locationId_fkey",
      refusal [[UPDATE "Location" SET "organizationId" = 'org' WHERE "id" = 'house2']])
  end)

  it("let an organization without a past go with its members, their limits and its locations", function()
    assert.equal("accepted", refusal [[DELETE FROM "Organization" WHERE "id" = 'org2']])
  end)

  it("gives every new provider an agenda", function()
    local rows = database.query [[
      INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('p2', 'x', 'patient', 'x');
      SELECT "version" FROM "ProviderAgenda" WHERE "providerId" = 'p2'; DELETE FROM "Provider" WHERE "id" = 'p2']]
    assert.equal("1", rows[1].version)
  end)
end)
