DROP TABLE "ContactCodeCount";
DROP TABLE "ContactCode";
