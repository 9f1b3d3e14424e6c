SET LOCAL ROLE medbookd_owner;

CREATE TABLE "CalendarIntegration" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "CalendarIntegration_pkey" PRIMARY KEY,
    "providerId" text NOT NULL CONSTRAINT "CalendarIntegration_providerId_key" UNIQUE
        CONSTRAINT "CalendarIntegration_providerId_fkey" REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "calendarProvider" text NOT NULL,
    "accessToken" text NOT NULL,
    "refreshToken" text NOT NULL,
    "expiresAt" timestamptz(3) NOT NULL,
    "grantedScopes" text[] NOT NULL DEFAULT '{}',
    "calendarId" text,
    "googleEmail" text,
    "syncEnabled" boolean NOT NULL DEFAULT true,
    "syncDirection" "CalendarSyncDirection" NOT NULL DEFAULT 'BIDIRECTIONAL',
    "meetSettings" jsonb,
    "autoCreateMeetLinks" boolean NOT NULL DEFAULT true,
    "lastSyncedAt" timestamptz(3),
    "nextSyncToken" text,
    "backgroundSyncEnabled" boolean NOT NULL DEFAULT true,
    "syncIntervalMinutes" integer NOT NULL DEFAULT 15,
    CONSTRAINT "CalendarIntegration_syncIntervalMinutes_check" CHECK ("syncIntervalMinutes" > 0)
);

CREATE TABLE "CalendarEvent" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "CalendarEvent_pkey" PRIMARY KEY,
    "calendarIntegrationId" text NOT NULL CONSTRAINT "CalendarEvent_calendarIntegrationId_fkey"
        REFERENCES "CalendarIntegration" ("id") ON DELETE RESTRICT,
    "externalEventId" text NOT NULL,
    "externalCalendarId" text NOT NULL,
    "etag" text,
    "title" text NOT NULL,
    "startTime" timestamptz(3) NOT NULL,
    "endTime" timestamptz(3) NOT NULL,
    "isAllDay" boolean NOT NULL DEFAULT false,
    "lastSyncedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "syncStatus" "CalendarEventSyncStatus" NOT NULL DEFAULT 'SYNCED',
    "lastModifiedInExternal" timestamptz(3),
    "hasConflict" boolean NOT NULL DEFAULT false,
    "conflictDetails" text,
    "conflictResolvedAt" timestamptz(3),
    "blocksAvailability" boolean NOT NULL DEFAULT true,
    CONSTRAINT "CalendarEvent_calendarIntegrationId_externalEventId_key"
        UNIQUE ("calendarIntegrationId", "externalEventId"),
    -- Other calendars do know events that take no time.
    CONSTRAINT "CalendarEvent_endTime_check" CHECK ("endTime" >= "startTime")
);
COMMENT ON COLUMN "CalendarEvent"."blocksAvailability" IS 'false for what its owner marked as free';

CREATE INDEX idx_calendar_events_time ON "CalendarEvent" ("calendarIntegrationId", "startTime", "endTime");
CREATE INDEX idx_calendar_events_sync ON "CalendarEvent" ("syncStatus", "hasConflict");

CREATE TABLE "CalendarSyncOperation" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "CalendarSyncOperation_pkey" PRIMARY KEY,
    "calendarIntegrationId" text NOT NULL CONSTRAINT "CalendarSyncOperation_calendarIntegrationId_fkey"
        REFERENCES "CalendarIntegration" ("id") ON DELETE RESTRICT,
    "operationType" "CalendarSyncOperationType" NOT NULL,
    "sourceSystem" "CalendarSyncSource" NOT NULL,
    "status" "CalendarSyncStatus" NOT NULL DEFAULT 'PENDING',
    "entityType" "CalendarEntityType" NOT NULL,
    "entityId" text,
    "externalEventId" text,
    "startedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "completedAt" timestamptz(3),
    "retryCount" integer NOT NULL DEFAULT 0,
    "maxRetries" integer NOT NULL DEFAULT 3,
    "errorMessage" text,
    "conflictResolution" "ConflictResolution",
    "syncWindowStart" timestamptz(3),
    "syncWindowEnd" timestamptz(3),
    "eventsProcessed" integer NOT NULL DEFAULT 0,
    "eventsSucceeded" integer NOT NULL DEFAULT 0,
    "eventsFailed" integer NOT NULL DEFAULT 0,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "CalendarSyncOperation_completedAt_check" CHECK ("completedAt" >= "startedAt"),
    CONSTRAINT "CalendarSyncOperation_syncWindowEnd_check" CHECK ("syncWindowEnd" > "syncWindowStart"),
    CONSTRAINT "CalendarSyncOperation_retryCount_check" CHECK ("retryCount" >= 0 AND "maxRetries" >= 0),
    CONSTRAINT "CalendarSyncOperation_events_check"
        CHECK ("eventsProcessed" >= 0 AND "eventsSucceeded" >= 0 AND "eventsFailed" >= 0)
);
CREATE INDEX "CalendarSyncOperation_calendarIntegrationId_status_idx"
    ON "CalendarSyncOperation" ("calendarIntegrationId", "status");
CREATE INDEX "CalendarSyncOperation_operationType_startedAt_idx"
    ON "CalendarSyncOperation" ("operationType", "startedAt");
CREATE INDEX "CalendarSyncOperation_status_retryCount_idx" ON "CalendarSyncOperation" ("status", "retryCount");

RESET ROLE;
