ALTER TABLE "Outbox" ADD COLUMN "publishedAt" timestamptz(3);
CREATE INDEX "Outbox_id_pending_idx" ON "Outbox" ("id") WHERE "publishedAt" IS NULL;
DROP TABLE "OutboxCursor";
DROP TABLE "JobSchedule";
DROP TABLE "Job";
DROP TYPE "JobStatus";
