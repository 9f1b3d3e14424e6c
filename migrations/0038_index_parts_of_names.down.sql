-- transaction: none
DROP INDEX CONCURRENTLY "User_name_email_trgm_idx";
