-- The schema has the seed's names, types and defaults, the promised roles, and the states of every workflow.

package.path = "lua/?.lua;" .. package.path

local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local psql = require "support.psql"

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
  JobStatus = "PENDING RUNNING DONE DEAD CANCELLED",
  Languages = "English IsiZulu IsiXhosa Afrikaans Sepedi Setswana Sesotho IsiNdebele SiSwati Tshivenda Xitsonga "
    .. "Portuguese French Hindi German Mandarin",
}

-- The fields of the seed's models in its order, and of the seven tables that it only names, each with
-- its type, `!` when it is NOT NULL and `=` its default. Written from the seed, and read with three
-- decisions: an instant is timestamptz(3), a list is never null, and "updatedAt" has a default.
local MODELS <const> = {
  User = [[id:text!=cuid name:text email:text emailVerified:instant phone:text phoneVerified:instant whatsapp:text
    whatsappVerified:instant password:text image:text role:UserRole!=USER createdAt:instant!=now
    updatedAt:instant!=now]],
  Provider = [[id:text!=cuid name:text! userId:text! bio:text image:text! languages:Languages[]!={} website:text
    email:text!=default@example.com whatsapp:text!=+1234567890 showPrice:bool!=true
    status:ProviderStatus!=PENDING_APPROVAL approvedById:text approvedAt:instant rejectedAt:instant
    rejectionReason:text averageRating:float totalReviews:int!=0 createdAt:instant!=now updatedAt:instant!=now]],
  ProviderType = "id:text!=cuid name:text! description:text",
  ProviderTypeAssignment = "id:text!=cuid providerId:text! providerTypeId:text!",
  Organization = [[id:text!=cuid name:text! description:text email:text phone:text website:text logo:text
    status:OrganizationStatus!=PENDING_APPROVAL approvedById:text approvedAt:instant rejectedAt:instant
    rejectionReason:text billingModel:OrganizationBillingModel!=CONSOLIDATED createdAt:instant!=now
    updatedAt:instant!=now]],
  OrganizationMembership = [[id:text!=cuid organizationId:text! userId:text! role:OrganizationRole!
    permissions:OrganizationPermission[]!={} status:MembershipStatus!=ACTIVE]],
  OrganizationProviderConnection = [[id:text!=cuid organizationId:text! providerId:text!
    status:ConnectionStatus!=PENDING defaultBilledBy:BillingEntity!=ORGANIZATION requestedAt:instant!=now
    acceptedAt:instant]],
  Availability = [[id:text!=cuid providerId:text! startTime:instant! endTime:instant! organizationId:text
    locationId:text createdById:text! status:AvailabilityStatus!=PENDING acceptedById:text acceptedAt:instant
    requiresConfirmation:bool!=true isOnlineAvailable:bool!=false schedulingRule:SchedulingRule!=CONTINUOUS
    recurrencePattern:json seriesId:text isRecurring:bool!=false createdAt:instant!=now updatedAt:instant!=now]],
  CalculatedAvailabilitySlot = [[id:text!=cuid availabilityId:text! serviceId:text! serviceConfigId:text!
    startTime:instant! endTime:instant! status:SlotStatus!=AVAILABLE lastCalculated:instant! blockedByEventId:text
    version:int!=1 createdAt:instant!=now updatedAt:instant!=now]],
  Booking = [[id:text!=cuid slotId:text createdById:text createdByMembershipId:text clientId:text guestName:text
    guestEmail:text guestPhone:text guestWhatsapp:text price:money! isOnline:bool! isInPerson:bool!=false
    status:BookingStatus!=PENDING notes:text meetLink:text calendarEventId:text confirmedById:text
    confirmedAt:instant version:int!=1 createdAt:instant!=now updatedAt:instant!=now]],
  Subscription = [[id:text!=cuid organizationId:text providerId:text locationId:text status:SubscriptionStatus!
    type:SubscriptionType!=BASE planId:text! startDate:instant! endDate:instant cancelledAt:instant
    cancelReason:text currentMonthSlots:int!=0 billingCycleStart:instant! billingCycleEnd:instant!
    stripeCustomerId:text stripeSubscriptionId:text createdAt:instant!=now updatedAt:instant!=now]],
  SubscriptionPlan = [[id:text!=cuid name:text! description:text basePrice:money! currency:text!=ZAR
    interval:BillingInterval! includedSlots:int!=30 tierPricing:json! features:json maxProviders:int
    maxLocations:int stripePriceId:text isActive:bool!=true createdAt:instant!=now updatedAt:instant!=now]],
  RequirementType = [[id:text!=cuid name:text! description:text isRequired:bool!=true
    validationType:RequirementValidationType! validationConfig:json displayPriority:int!=0 providerTypeId:text!]],
  RequirementSubmission = [[id:text!=cuid requirementTypeId:text! providerId:text!
    status:RequirementsValidationStatus!=PENDING documentMetadata:json expiresAt:instant notes:text
    validatedAt:instant validatedById:text]],
  CalendarIntegration = [[id:text!=cuid providerId:text! calendarProvider:text! accessToken:text! refreshToken:text!
    expiresAt:instant! grantedScopes:text[]!={} calendarId:text googleEmail:text syncEnabled:bool!=true
    syncDirection:CalendarSyncDirection!=BIDIRECTIONAL meetSettings:json autoCreateMeetLinks:bool!=true
    lastSyncedAt:instant nextSyncToken:text backgroundSyncEnabled:bool!=true syncIntervalMinutes:int!=15]],
  CalendarEvent = [[id:text!=cuid calendarIntegrationId:text! externalEventId:text! externalCalendarId:text! etag:text
    title:text! startTime:instant! endTime:instant! isAllDay:bool!=false lastSyncedAt:instant!=now
    syncStatus:CalendarEventSyncStatus!=SYNCED lastModifiedInExternal:instant hasConflict:bool!=false
    conflictDetails:text conflictResolvedAt:instant]],
  Location = [[id:text!=cuid organizationId:text! name:text! googlePlaceId:text! formattedAddress:text!
    coordinates:json! searchTerms:text[]!={} phone:text email:text]],
  Account = [[id:text!=cuid userId:text! type:text! provider:text! providerAccountId:text! refresh_token:text
    access_token:text expires_at:int token_type:text scope:text id_token:text session_state:text]],
  Service = [[id:text!=cuid name:text! description:text displayPriority:int!=0 defaultDuration:int!
    defaultPrice:money! providerTypeId:text! createdAt:instant!=now updatedAt:instant!=now]],
  ServiceAvailabilityConfig = [[id:text!=cuid serviceId:text! providerId:text! locationId:text duration:int!
    price:money! isOnlineAvailable:bool!=false isInPerson:bool!=false createdAt:instant!=now
    updatedAt:instant!=now]],
  OrganizationInvitation = [[id:text!=cuid organizationId:text! email:text! role:OrganizationRole!
    permissions:OrganizationPermission[]!={} token:text! expiresAt:instant! invitedById:text!
    status:InvitationStatus!=PENDING acceptedAt:instant membershipId:text createdAt:instant!=now
    updatedAt:instant!=now]],
  Payment = [[id:text!=cuid subscriptionId:text! amount:money! baseAmount:money usageAmount:money currency:text!
    status:PaymentStatus! stripePaymentId:text stripeInvoiceId:text paidAt:instant failureReason:text
    billingPeriodStart:instant billingPeriodEnd:instant slotsCovered:int createdAt:instant!=now
    updatedAt:instant!=now]],
  UsageRecord = [[id:text!=cuid subscriptionId:text! slotId:text! slotDate:instant! slotStatus:SlotStatus!
    billingCycle:text! serviceId:text! providerId:text! tierUsed:int! priceCharged:money! processed:bool!=false
    processedAt:instant createdAt:instant!=now]],
  CalendarSyncOperation = [[id:text!=cuid calendarIntegrationId:text! operationType:CalendarSyncOperationType!
    sourceSystem:CalendarSyncSource! status:CalendarSyncStatus!=PENDING entityType:CalendarEntityType! entityId:text
    externalEventId:text startedAt:instant!=now completedAt:instant retryCount:int!=0 maxRetries:int!=3
    errorMessage:text conflictResolution:ConflictResolution syncWindowStart:instant syncWindowEnd:instant
    eventsProcessed:int!=0 eventsSucceeded:int!=0 eventsFailed:int!=0 createdAt:instant!=now
    updatedAt:instant!=now]],
}

-- What the seed's migration example adds, and nothing more: nullable, the default last.
local TRIAL <const> = "trialStarted:instant trialEnded:instant trialStatus:TrialStatus=NOT_STARTED"

local WORDS <const> = { ["timestamp(3) with time zone"] = "instant", ["double precision"] = "float",
                        ["numeric(10,2)"] = "money", jsonb = "json", boolean = "bool", integer = "int" }

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

describe("the schema", function()
  local database
  setup(function() database = cluster.fresh "schema" end)

  for name, values in pairs(ENUMS) do
    it("has the enum " .. name, function()
      assert.equal(values, psql.value(database.url, ([[SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder)
        FROM pg_enum WHERE enumtypid = '"%s"'::regtype]]):format(name)))
    end)
  end

  -- The columns of a table as MODELS writes them, in order.
  local function columns_of(name)
    local words = {}
    for i, row in ipairs(database.query(([[
      SELECT a.attname AS name, replace(format_type(a.atttypid, a.atttypmod), '"', '') AS type,
             a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS value
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = '"%s"'::regclass AND a.attnum > 0 AND NOT a.attisdropped
       ORDER BY a.attnum]]):format(name))) do
      local value = row.value
      value = value and (value:match "^'(.*)'::" or value:gsub("^mb_", ""):gsub("%(%)$", ""))
      words[i] = ("%s:%s%s%s"):format(row.name, WORDS[row.type] or row.type, row.required == "t" and "!" or "",
        value and "=" .. value or "")
    end
    return words
  end

  for name, fields in pairs(MODELS) do
    it("has the fields of " .. name, function()
      local expected, found = {}, columns_of(name)
      for field in fields:gmatch "%S+" do expected[#expected + 1] = field end
      assert.same(expected, table.move(found, 1, #expected, 1, {}))
    end)
  end

  it("has the fields that the trial status came with", function()
    local found = " " .. table.concat(columns_of "Provider", " ") .. " "
    assert.truthy(found:find(" " .. TRIAL .. " ", 1, true), found)
  end)

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
         AND a.indkey::text || ' ' = left(b.indkey::text || ' ', length(a.indkey::text) + 1)
         AND a.indclass::text || ' ' = left(b.indclass::text || ' ', length(a.indclass::text) + 1)]])
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
    assert.is_nil(refusal_as("medbookd_app", [[SELECT * FROM mb_book('{"slotId": "1000",
      "bookingId": "b", "reference": "0000000B", "clientId": "patient", "isOnline": false, "key": "k", "hash": "h",
      "route": "POST /v1/bookings", "answerStatus": 201}')]]))
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

  it("let nobody rewrite the history of statuses", function()
    for _, sql in ipairs { [[UPDATE "StatusHistory" SET "action" = 'x']], [[DELETE FROM "StatusHistory"]] } do
      assert.matches("^42501", refusal_as("medbookd_app", sql))
      assert.matches("^23001: the history of statuses is append%-only", refusal_as("medbookd_owner", sql))
    end
    assert.matches("^23001", refusal_as("medbookd_owner", [[TRUNCATE "StatusHistory"]]))
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

describe("the states of each workflow", function()
  local database
  setup(function() database = cluster.fresh "schema" end)

  for _, name in ipairs(native.list "lua/workflows/states") do
    it("are those of the database: " .. name, function()
      local machine = require("workflows.states." .. name:gsub("%.lua$", ""))
      assert.equal(psql.value(database.url, ([[SELECT string_agg(v::text, ' ' ORDER BY v)
        FROM unnest(enum_range(NULL::"%s")) v]]):format(machine.enum)), table.concat(machine.states, " "))
    end)
  end
end)
