-- Documents and images of providers, in pieces, so that neither writing nor reading one needs the room of all of it.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "ProviderFile" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ProviderFile_pkey" PRIMARY KEY,
    "providerId" text NOT NULL CONSTRAINT "ProviderFile_providerId_fkey"
        REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "size" bigint NOT NULL DEFAULT 0,
    "reserved" bigint NOT NULL,
    "mediaType" text,
    "sha256" text,
    "touchedAt" timestamptz(3) NOT NULL DEFAULT mb_now(),
    "completedAt" timestamptz(3),
    CONSTRAINT "ProviderFile_size_check" CHECK ("size" BETWEEN 0 AND "reserved"),
    CONSTRAINT "ProviderFile_sha256_check" CHECK ("sha256" ~ '^[0-9a-f]{64}$'),
    CONSTRAINT "ProviderFile_completedAt_check" CHECK (
        "completedAt" IS NULL OR ("mediaType" IS NOT NULL AND "sha256" IS NOT NULL AND "size" = "reserved"))
);
COMMENT ON TABLE "ProviderFile" IS
    'contents that somebody refers to by id: an answer in "documentMetadata" or "approvedMetadata", or an image';
COMMENT ON COLUMN "ProviderFile"."size" IS 'bytes that are there';
COMMENT ON COLUMN "ProviderFile"."reserved" IS 'bytes that there may be, while it comes in';
COMMENT ON COLUMN "ProviderFile"."touchedAt" IS 'when the last piece came';
COMMENT ON COLUMN "ProviderFile"."completedAt" IS 'null: it comes in, or its sender has left';

CREATE INDEX "ProviderFile_providerId_idx" ON "ProviderFile" ("providerId");
CREATE INDEX "ProviderFile_touchedAt_idx" ON "ProviderFile" ("touchedAt") WHERE "completedAt" IS NULL;

CREATE TABLE "ProviderFilePiece" (
    "fileId" text NOT NULL CONSTRAINT "ProviderFilePiece_fileId_fkey"
        REFERENCES "ProviderFile" ("id") ON DELETE CASCADE,
    "number" integer NOT NULL,
    "bytes" bytea NOT NULL,
    CONSTRAINT "ProviderFilePiece_pkey" PRIMARY KEY ("fileId", "number"),
    CONSTRAINT "ProviderFilePiece_bytes_check" CHECK (octet_length("bytes") BETWEEN 1 AND 262144)
);
-- Documents and images are compressed already.
ALTER TABLE "ProviderFilePiece" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;

-- Whoever changes or removes an answer, whatever that is nobody refers to any more goes with it.
CREATE FUNCTION mb_drop_files() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM "ProviderFile" f
     WHERE f."id" IN (OLD."documentMetadata" ->> 'fileId', OLD."approvedMetadata" ->> 'fileId')
       AND (TG_OP = 'DELETE'
            OR f."id" IS DISTINCT FROM NEW."documentMetadata" ->> 'fileId'
           AND f."id" IS DISTINCT FROM NEW."approvedMetadata" ->> 'fileId');
    RETURN NULL;
END
$$;
CREATE TRIGGER "RequirementSubmission_files" AFTER UPDATE OF "documentMetadata", "approvedMetadata" OR DELETE
    ON "RequirementSubmission" FOR EACH ROW EXECUTE FUNCTION mb_drop_files();

RESET ROLE;
