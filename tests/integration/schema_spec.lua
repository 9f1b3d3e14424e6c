-- The schema has the seed's names, the promised roles, and goes up, down and up again.

local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local temp = require "support.temp"

local ENUMS <const> = {
  UserRole = "USER ADMIN SUPER_ADMIN",
  ProviderStatus = "PENDING_APPROVAL REJECTED APPROVED TRIAL TRIAL_EXPIRED ACTIVE PAYMENT_OVERDUE SUSPENDED CANCELLED",
  OrganizationRole = "OWNER ADMIN MANAGER STAFF",
  OrganizationPermission = "MANAGE_PROVIDERS MANAGE_BOOKINGS MANAGE_LOCATIONS MANAGE_STAFF VIEW_ANALYTICS "
    .. "MANAGE_BILLING RESPOND_TO_MESSAGES MANAGE_AVAILABILITY",
  ConnectionStatus = "PENDING ACCEPTED REJECTED SUSPENDED",
  SlotStatus = "AVAILABLE BOOKED BLOCKED INVALID",
  RequirementValidationType = "BOOLEAN DOCUMENT TEXT DATE FUTURE_DATE PAST_DATE NUMBER PREDEFINED_LIST",
  TrialStatus = "NOT_STARTED ACTIVE EXPIRING_SOON EXPIRED CONVERTED",
  BookingStatus = "PENDING CONFIRMED CANCELLED COMPLETED NO_SHOW",
  AvailabilityStatus = "PENDING ACCEPTED REJECTED",
  SchedulingRule = "CONTINUOUS ON_THE_HOUR ON_THE_HALF_HOUR",
  OrganizationStatus = "PENDING_APPROVAL REJECTED APPROVED TRIAL TRIAL_EXPIRED ACTIVE PAYMENT_OVERDUE SUSPENDED "
    .. "CANCELLED",
  OrganizationBillingModel = "CONSOLIDATED PER_LOCATION",
  MembershipStatus = "PENDING ACTIVE SUSPENDED INACTIVE",
  InvitationStatus = "PENDING ACCEPTED DECLINED EXPIRED CANCELLED",
  BillingEntity = "ORGANIZATION LOCATION PROVIDER",
  BillingInterval = "MONTHLY",
  SubscriptionStatus = "ACTIVE PAST_DUE CANCELLED EXPIRED TRIALING",
  SubscriptionType = "BASE WEBSITE_HOSTING REVIEW_PROMOTION PREMIUM_ANALYTICS CUSTOM",
  PaymentStatus = "PENDING SUCCEEDED FAILED REFUNDED",
  RequirementsValidationStatus = "PENDING APPROVED REJECTED",
  CalendarSyncDirection = "IMPORT_ONLY EXPORT_ONLY BIDIRECTIONAL",
  CalendarEventSyncStatus = "SYNCED PENDING_SYNC SYNC_FAILED CONFLICT_DETECTED EXTERNAL_DELETED",
  CalendarSyncOperationType = "FULL_SYNC INCREMENTAL_SYNC WEBHOOK_SYNC MANUAL_SYNC CONFLICT_RESOLUTION",
  CalendarSyncSource = "MEDBOOKINGS GOOGLE_CALENDAR SYSTEM",
  CalendarSyncStatus = "PENDING IN_PROGRESS SUCCESS FAILED CONFLICT_DETECTED SKIPPED",
  CalendarEntityType = "BOOKING CALENDAR_EVENT AVAILABILITY_SLOT",
  ConflictResolution = "GOOGLE_WINS MEDBOOKINGS_WINS MANUAL_REVIEW LATEST_WINS",
  AuditCategory = "AUTHENTICATION AUTHORIZATION PHI_ACCESS ADMIN_ACTION DATA_MODIFICATION SECURITY GENERAL",
  Languages = "English IsiZulu IsiXhosa Afrikaans Sepedi Setswana Sesotho IsiNdebele SiSwati Tshivenda Xitsonga "
    .. "Portuguese French Hindi German Mandarin",
}

-- The fields of the seed's models in its order, and of the seven tables that it only names; `!` is
-- NOT NULL.
local MODELS <const> = {
  User = "id! name email emailVerified phone phoneVerified whatsapp whatsappVerified password image role! "
    .. "createdAt! updatedAt!",
  Provider = "id! name! userId! bio image! languages! website email! whatsapp! showPrice! status! approvedById "
    .. "approvedAt rejectedAt rejectionReason averageRating totalReviews! createdAt! updatedAt!",
  ProviderType = "id! name! description",
  ProviderTypeAssignment = "id! providerId! providerTypeId!",
  Organization = "id! name! description email phone website logo status! approvedById approvedAt rejectedAt "
    .. "rejectionReason billingModel! createdAt! updatedAt!",
  OrganizationMembership = "id! organizationId! userId! role! permissions! status!",
  OrganizationProviderConnection = "id! organizationId! providerId! status! defaultBilledBy! requestedAt! acceptedAt",
  Availability = "id! providerId! startTime! endTime! organizationId locationId createdById! status! acceptedById "
    .. "acceptedAt requiresConfirmation! isOnlineAvailable! schedulingRule! recurrencePattern seriesId isRecurring! "
    .. "createdAt! updatedAt!",
  CalculatedAvailabilitySlot = "id! availabilityId! serviceId! serviceConfigId! startTime! endTime! status! "
    .. "lastCalculated! blockedByEventId version! createdAt! updatedAt!",
  Booking = "id! slotId createdById createdByMembershipId clientId guestName guestEmail guestPhone guestWhatsapp "
    .. "price! isOnline! isInPerson! status! notes meetLink calendarEventId confirmedById confirmedAt version! "
    .. "createdAt! updatedAt!",
  Subscription = "id! organizationId providerId locationId status! type! planId! startDate! endDate cancelledAt "
    .. "cancelReason currentMonthSlots! billingCycleStart! billingCycleEnd! stripeCustomerId stripeSubscriptionId "
    .. "createdAt! updatedAt!",
  SubscriptionPlan = "id! name! description basePrice! currency! interval! includedSlots! tierPricing! features "
    .. "maxProviders maxLocations stripePriceId isActive! createdAt! updatedAt!",
  RequirementType = "id! name! description isRequired! validationType! validationConfig displayPriority! "
    .. "providerTypeId!",
  RequirementSubmission = "id! requirementTypeId! providerId! status! documentMetadata expiresAt notes validatedAt "
    .. "validatedById",
  CalendarIntegration = "id! providerId! calendarProvider! accessToken! refreshToken! expiresAt! grantedScopes! "
    .. "calendarId googleEmail syncEnabled! syncDirection! meetSettings autoCreateMeetLinks! lastSyncedAt "
    .. "nextSyncToken backgroundSyncEnabled! syncIntervalMinutes!",
  CalendarEvent = "id! calendarIntegrationId! externalEventId! externalCalendarId! etag title! startTime! endTime! "
    .. "isAllDay! lastSyncedAt! syncStatus! lastModifiedInExternal hasConflict! conflictDetails conflictResolvedAt",
  Location = "id! organizationId! name! googlePlaceId! formattedAddress! coordinates! searchTerms! phone email",
  Account = "id! userId! type! provider! providerAccountId! refresh_token access_token expires_at token_type scope "
    .. "id_token session_state",
  Service = "id! name! description displayPriority! defaultDuration! defaultPrice! providerTypeId! createdAt! "
    .. "updatedAt!",
  ServiceAvailabilityConfig = "id! serviceId! providerId! locationId duration! price! isOnlineAvailable! isInPerson! "
    .. "createdAt! updatedAt!",
  OrganizationInvitation = "id! organizationId! email! role! permissions! token! expiresAt! invitedById! status! "
    .. "acceptedAt membershipId createdAt! updatedAt!",
  Payment = "id! subscriptionId! amount! baseAmount usageAmount currency! status! stripePaymentId stripeInvoiceId "
    .. "paidAt failureReason billingPeriodStart billingPeriodEnd slotsCovered createdAt! updatedAt!",
  UsageRecord = "id! subscriptionId! slotId! slotDate! slotStatus! billingCycle! serviceId! providerId! tierUsed! "
    .. "priceCharged! processed! processedAt createdAt!",
  CalendarSyncOperation = "id! calendarIntegrationId! operationType! sourceSystem! status! entityType! entityId "
    .. "externalEventId startedAt! completedAt retryCount! maxRetries! errorMessage conflictResolution "
    .. "syncWindowStart syncWindowEnd eventsProcessed! eventsSucceeded! eventsFailed! createdAt! updatedAt!",
}

local INDEXES <const> = {
  idx_users_role = "User(role)",
  idx_providers_status = "Provider(status)",
  idx_availability_provider_time = "Availability(providerId, startTime, endTime)",
  idx_availability_status = "Availability(status)",
  idx_availability_series = "Availability(seriesId)",
  idx_slots_availability_service = "CalculatedAvailabilitySlot(availabilityId, serviceId, startTime, status)",
  idx_slots_time_status = "CalculatedAvailabilitySlot(startTime, status, serviceId)",
  idx_bookings_client = "Booking(clientId, createdAt)",
  idx_bookings_slot_status = "Booking(slotId, status)",
  idx_org_membership_user = "OrganizationMembership(userId)",
  idx_calendar_events_time = "CalendarEvent(calendarIntegrationId, startTime, endTime)",
  idx_calendar_events_sync = "CalendarEvent(syncStatus, hasConflict)",
  Location_organizationId_idx = "Location(organizationId)",
  Location_searchTerms_idx = "Location(searchTerms) gin",
  Provider_trialStatus_idx = "Provider(trialStatus)",
}

local function migrate(url, ...)
  return process.check({ paths.binary(), "migrate", ... }, { cwd = "/", within = 120, env = {
    MEDBOOKD_DATABASE_URL = url, MEDBOOKD_DATA_DIR = temp.dir(), MEDBOOKD_HOME = paths.root } })
end

-- What pg_dump says of the schema, without the random marks of newer versions.
local function dump(url)
  local text = process.check({ "pg_dump", "-s", "-T", "_medbookd_migrations", "-d", url }, { cwd = "/" }).out
  return (text:gsub("\\u?n?restrict %w+\n", ""))
end

-- The same without our functions: the repeatable ones stay through single steps down.
local function dump_without_functions(url)
  local kept = {}
  for section in (dump(url):gsub("\n%-%-\n%-%- Name: ", "\0%0") .. "\0"):gmatch "(.-)%z" do
    local name = section:match "^\n%-%-\n%-%- Name: ([^\n]*)" or ""
    if not name:find "^mb_" and not name:find "^FUNCTION mb_" then kept[#kept + 1] = section end
  end
  return table.concat(kept)
end

local function assert_same_dump(expected, found)
  local rest = found .. "\n"
  for line in (expected .. "\n"):gmatch "(.-)\n" do
    local other = rest:match "^(.-)\n"
    assert.equal(line, other)
    rest = rest:sub(#other + 2)
  end
  assert.equal("", rest)
end

describe("the schema", function()
  local database
  setup(function() database = cluster.fresh "schema" end)

  for name, values in pairs(ENUMS) do
    it("has the enum " .. name, function()
      assert.equal(values, psql.value(database.url, ([[SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder)
        FROM pg_enum WHERE enumtypid = '"%s"'::regtype]]):format(name)))
    end)
  end

  for name, fields in pairs(MODELS) do
    it("has the fields of " .. name, function()
      local found = psql.value(database.url, ([[SELECT string_agg(attname || CASE WHEN attnotnull THEN '!' ELSE '' END,
        ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '"%s"'::regclass AND attnum > 0]]):format(name))
      assert.equal(fields, found:sub(1, #fields))
    end)
  end

  it("has no enum but these", function()
    for _, row in ipairs(database.query "SELECT DISTINCT enumtypid::regtype::text AS name FROM pg_enum") do
      assert.truthy(ENUMS[row.name:gsub('"', "")], row.name)
    end
  end)

  for name, columns in pairs(INDEXES) do
    it("has " .. name, function()
      local def = psql.value(database.url, ("SELECT indexdef FROM pg_indexes WHERE indexname = '%s'"):format(name))
      local tbl, method, list = def:match "ON public%.(%S+) USING (%w+) %((.*)%)$"
      local found = ("%s(%s)%s"):format(tbl, list, method == "btree" and "" or " " .. method):gsub('"', "")
      assert.equal(columns, found)
    end)
  end

  it("has no index that repeats another or a prefix of it", function()
    assert.same({}, database.query [[
      SELECT a.indexrelid::regclass AS name, b.indexrelid::regclass AS covered_by
        FROM pg_index a JOIN pg_index b ON b.indrelid = a.indrelid AND b.indexrelid <> a.indexrelid
        JOIN pg_class t ON t.oid = a.indrelid AND t.relnamespace = 'public'::regnamespace
       WHERE NOT a.indisunique AND a.indpred IS NULL AND b.indpred IS NULL AND a.indexprs IS NULL AND b.indexprs IS NULL
         AND a.indkey::text || ' ' = left(b.indkey::text || ' ', length(a.indkey::text) + 1)]])
  end)

  it("keeps every instant with its zone, to the millisecond, and no list as null", function()
    assert.same({}, database.query [[
      SELECT a.attrelid::regclass AS tbl, a.attname AS col, format_type(a.atttypid, a.atttypmod) AS type
        FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
       WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND t.relname <> '_medbookd_migrations'
         AND a.attnum > 0 AND NOT a.attisdropped
         AND (format_type(a.atttypid, a.atttypmod) LIKE 'timestamp%'
                AND format_type(a.atttypid, a.atttypmod) <> 'timestamp(3) with time zone'
              OR format_type(a.atttypid, a.atttypmod) LIKE '%[]' AND NOT (a.attnotnull AND a.atthasdef))]])
  end)

  it("makes ids of 25 characters in order of time", function()
    local row = database.query [[SELECT mb_cuid() AS a, pg_sleep(0.002), mb_cuid() AS b]][1]
    assert.matches("^c[0-9a-z]+$", row.a)
    assert.equal(25, #row.a)
    assert.is_true(row.a < row.b)
  end)

  it("has one owner, and runs in UTC", function()
    assert.equal("medbookd_owner", psql.value(database.url, [[SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> '_medbookd_migrations']]))
    assert.equal("UTC", psql.value(database.url, "SHOW timezone"))
  end)
end)

describe("the roles", function()
  local database
  local function refusal_as(role, sql)
    return psql.refusal(database.url, ("SET ROLE %s; BEGIN; %s; ROLLBACK;"):format(role, sql))
  end
  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  end)

  it("let the server read and write rows, and book", function()
    assert.is_nil(refusal_as("medbookd_app", [[SELECT * FROM mb_book('1000', mb_cuid(), 'patient', NULL, NULL, NULL,
      NULL, false, NULL, NULL, 'k', 'h', NULL)]]))
  end)

  it("do not let the server change the schema", function()
    assert.matches("^42501", refusal_as("medbookd_app", [[ALTER TABLE "Booking" ADD COLUMN x text]]))
    assert.matches("^42501", refusal_as("medbookd_app", "CREATE TABLE x ()"))
    assert.matches("^42501", refusal_as("medbookd_app", [[TRUNCATE "Outbox"]]))
  end)

  it("let nobody rewrite the audit log", function()
    for _, sql in ipairs { [[UPDATE "AuditLog" SET "action" = 'x']], [[DELETE FROM "AuditLog"]] } do
      assert.matches("^42501", refusal_as("medbookd_app", sql))
      assert.matches("^23001: the audit log is append%-only", refusal_as("medbookd_owner", sql))
    end
    assert.matches("^23001", refusal_as("medbookd_owner", [[TRUNCATE "AuditLog"]]))
    assert.matches("^23001", refusal_as("medbookd_owner",
      [[UPDATE "AuditLog" SET "hash" = 'a'; UPDATE "AuditLog" SET "hash" = 'b']]))
  end)

  it("let the owner chain the audit log, once", function()
    assert.is_nil(refusal_as("medbookd_owner", [[UPDATE "AuditLog" SET "hash" = 'a']]))
  end)

  it("show reports neither people nor secrets, and plugins nothing", function()
    assert.is_nil(refusal_as("medbookd_report", [[SELECT * FROM "CalculatedAvailabilitySlot"]]))
    for _, tbl in ipairs { "User", "Session", "Account", "Booking", "Provider", "CalendarIntegration", "AuditLog" } do
      assert.matches("^42501", refusal_as("medbookd_report", ([[SELECT * FROM "%s"]]):format(tbl)))
    end
    assert.matches("^42", refusal_as("medbookd_plugin", [[SELECT * FROM "Service"]]))
  end)
end)

describe("the migrations", function()
  it("go up, down to nothing, and up to the same schema", function()
    local database = cluster.fresh "empty"
    local nothing = dump(database.url)
    migrate(database.url, "up")
    local first = dump(database.url)
    migrate(database.url, "down", "0")
    assert_same_dump(nothing, dump(database.url))
    migrate(database.url, "up")
    assert_same_dump(first, dump(database.url))
  end)

  it("go back one by one to the schema that was before each", function()
    local database = cluster.fresh "empty"
    local before = {}
    migrate(database.url, "up", "8")
    for version = 9, 17 do
      before[version] = dump_without_functions(database.url)
      migrate(database.url, "up", tostring(version))
    end
    for version = 17, 9, -1 do
      migrate(database.url, "down")
      assert_same_dump(before[version], dump_without_functions(database.url))
    end
  end)

  it("fill in the trial status of providers that were there before it", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up", "11")
    psql.run(database.url, [[INSERT INTO "User" ("id") VALUES ('u');
      INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('p', 'x', 'u', 'x')]])
    migrate(database.url, "up")
    assert.equal("NOT_STARTED", psql.value(database.url, [[SELECT "trialStatus" FROM "Provider"]]))
  end)

  it("refuse to take TRIAL_EXPIRED away from a provider", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up")
    psql.run(database.url, [[INSERT INTO "User" ("id") VALUES ('u');
      INSERT INTO "Provider" ("id", "name", "userId", "image", "status") VALUES ('p', 'x', 'u', 'x', 'TRIAL_EXPIRED')]])
    assert.has_error(function() migrate(database.url, "down", "11") end)
    assert.equal("TRIAL_EXPIRED", psql.value(database.url, [[SELECT "status" FROM "Provider"]]))
  end)
end)
