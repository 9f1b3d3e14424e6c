-- transaction: none
CREATE INDEX CONCURRENTLY "Outbox_transactionId_id_idx" ON "Outbox" ("transactionId", "id");
