SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider" DROP COLUMN "reminderEnabled", DROP COLUMN "reminderHours", DROP COLUMN "reminderChannels";

RESET ROLE;
