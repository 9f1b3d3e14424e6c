DROP TABLE "StatusHistory";
DROP FUNCTION mb_keep_status_history();
