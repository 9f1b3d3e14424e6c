-- Until when providers have what is asked of them, and the last copy of an answer that was approved, which counts
-- until a new one is.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "RequirementSubmission"
    ADD COLUMN "submittedAt" timestamptz(3) DEFAULT now(),
    ADD COLUMN "approvedMetadata" jsonb,
    ADD COLUMN "approvedAt" timestamptz(3),
    ADD CONSTRAINT "RequirementSubmission_approvedMetadata_check"
        CHECK ("approvedMetadata" IS NULL OR "approvedAt" IS NOT NULL);
COMMENT ON COLUMN "RequirementSubmission"."submittedAt" IS 'when "documentMetadata" was given; null: it has lapsed';
COMMENT ON COLUMN "RequirementSubmission"."approvedAt" IS
    'when the copy was approved that counts until it expires, a new one is approved, or it is revoked; null: there is none';

-- Whoever changed an answer kept the one before, of which "expiresAt" is left.
UPDATE "RequirementSubmission"
   SET "approvedMetadata" = "documentMetadata", "approvedAt" = coalesce("validatedAt", mb_now())
 WHERE "status" = 'APPROVED' OR "status" = 'PENDING' AND "expiresAt" > mb_now();

ALTER TABLE "Provider" ADD COLUMN "compliantUntil" timestamptz(3);
COMMENT ON COLUMN "Provider"."compliantUntil" IS
    'until when the provider has what is asked of it; infinity: nothing lapses; null: it never had';

-- By the rule that held so far: what is asked and was answered is not rejected and has not expired.
UPDATE "Provider" p
   SET "compliantUntil" = (
       SELECT CASE WHEN bool_or(s."status" = 'REJECTED') THEN NULL ELSE coalesce(min(s."expiresAt"), 'infinity') END
         FROM "RequirementSubmission" s
         JOIN "RequirementType" t ON t."id" = s."requirementTypeId" AND t."isRequired"
         JOIN "ProviderTypeAssignment" a ON a."providerId" = s."providerId" AND a."providerTypeId" = t."providerTypeId"
        WHERE s."providerId" = p."id");

RESET ROLE;
