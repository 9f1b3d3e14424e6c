-- transaction: none
DROP INDEX CONCURRENTLY "User_createdAt_id_idx";
