ALTER TABLE "Booking" DROP COLUMN "personHash";
DROP FUNCTION mb_person_hash(text, text, text, text);
