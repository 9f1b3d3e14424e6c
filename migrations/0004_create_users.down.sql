DROP TABLE "Session";
DROP TABLE "Account";
DROP TABLE "User";
