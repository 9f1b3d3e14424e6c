-- Whom a booking is for, as the ceilings on bookings ahead count: one hash whatever they are known by, so that one
-- index serves. It tells nobody who that is, but whoever knows an address can make it: erased with the person.
SET LOCAL ROLE medbookd_owner;

-- Also for mb_book. A number is the same person whether it is given for calls or for WhatsApp.
CREATE FUNCTION mb_person_hash(client text, email text, phone text, whatsapp text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT sha256(convert_to(
    CASE WHEN client IS NOT NULL THEN 'user ' || client
         WHEN email IS NOT NULL THEN 'e-mail ' || lower(email)
         ELSE 'number ' || regexp_replace(coalesce(phone, whatsapp), '[^0-9]', '', 'g') END, 'UTF8'))
$$;
COMMENT ON FUNCTION mb_person_hash(text, text, text, text) IS
    'of the user a booking is for, else of the guest''s e-mail, else phone, else WhatsApp number';

ALTER TABLE "Booking" ADD COLUMN "personHash" bytea;
COMMENT ON COLUMN "Booking"."personHash" IS
    'mb_person_hash of clientId or the guest''s contact; null once the person is erased, and for what was over before there was this column';

UPDATE "Booking" SET "personHash" = mb_person_hash("clientId", "guestEmail", "guestPhone", "guestWhatsapp")
 WHERE "startTime" > mb_now() AND "status" <> 'CANCELLED';

RESET ROLE;
