-- transaction: none
CREATE INDEX CONCURRENTLY "User_name_email_trgm_idx" ON "User" USING gin ("name" gin_trgm_ops, "email" gin_trgm_ops);
