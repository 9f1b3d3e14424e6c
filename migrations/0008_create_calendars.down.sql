DROP TABLE "CalendarSyncOperation";
DROP TABLE "CalendarEvent";
DROP TABLE "CalendarIntegration";
