-- transaction: none
DROP INDEX CONCURRENTLY "Outbox_transactionId_id_idx";
