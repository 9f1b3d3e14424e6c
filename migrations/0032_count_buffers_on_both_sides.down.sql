-- Slots that became INVALID stay so until something near them changes: the status is derived then.
DROP TRIGGER "ServiceAvailabilityConfig_changed_buffers" ON "ServiceAvailabilityConfig";
DROP TRIGGER "ServiceAvailabilityConfig_new_buffers" ON "ServiceAvailabilityConfig";
DROP FUNCTION mb_spread_buffers();
ALTER TABLE "SlotHold" DROP COLUMN "bufferBefore", DROP COLUMN "bufferAfter";
ALTER TABLE "ProviderAgenda" DROP COLUMN "reach";
