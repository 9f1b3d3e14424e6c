-- Documents and images of providers as they come in and are read. Repeatable: run again whenever this text changes, so
-- a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- Makes room for a file of at most `reserved` bytes, of `most` that a provider may have waiting for a review or coming
-- in; the one that it will take the place of, `replaced`, does not count, nor what was approved, nor the image. False:
-- there is no room. Whoever has sent nothing for as long as `idle` has left.
CREATE OR REPLACE FUNCTION mb_begin_file(provider text, file text, reserved bigint, most bigint, replaced text,
                                         idle interval)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    taken bigint;
BEGIN
    PERFORM FROM "Provider" p WHERE p."id" = provider FOR NO KEY UPDATE;
    DELETE FROM "ProviderFile" f
     WHERE f."providerId" = provider AND f."completedAt" IS NULL AND f."touchedAt" <= mb_now() - idle;
    SELECT coalesce(sum(f."reserved"), 0) INTO taken
      FROM "ProviderFile" f
     WHERE f."providerId" = provider AND f."id" IS DISTINCT FROM replaced
       AND (f."completedAt" IS NULL
            OR EXISTS (SELECT FROM "RequirementSubmission" s
                        WHERE s."providerId" = provider AND s."documentMetadata" ->> 'fileId' = f."id"
                          AND s."approvedMetadata" ->> 'fileId' IS DISTINCT FROM f."id"));
    IF taken + mb_begin_file.reserved > most THEN
        RETURN false;
    END IF;
    INSERT INTO "ProviderFile" ("id", "providerId", "reserved") VALUES (file, provider, mb_begin_file.reserved);
    RETURN true;
END
$$;
COMMENT ON FUNCTION mb_begin_file(text, text, bigint, bigint, text, interval) IS 'makes room for a file that comes in';

-- False: the file is gone. What is lost with the machine are files that were not complete: no piece waits for the disk,
-- the end of the file does.
CREATE OR REPLACE FUNCTION mb_append_file(file text, number integer, bytes bytea) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE "ProviderFile" f SET "size" = f."size" + octet_length(bytes), "touchedAt" = mb_now()
     WHERE f."id" = file AND f."completedAt" IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO "ProviderFilePiece" ("fileId", "number", "bytes") VALUES (file, number, bytes);
    RETURN true;
END
$$;
COMMENT ON FUNCTION mb_append_file(text, integer, bytea) IS 'the next piece of a file that comes in';

-- Ends a file: from now on it is what it is. False: it is gone.
CREATE OR REPLACE FUNCTION mb_end_file(file text, media_type text, digest text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    UPDATE "ProviderFile" f
       SET "reserved" = f."size", "mediaType" = media_type, "sha256" = digest, "completedAt" = mb_now()
     WHERE f."id" = file AND f."completedAt" IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION mb_end_file(text, text, text) IS 'ends a file that came in';

-- request: of mb.caller, with `provider`, and `file`, `mediaType` and `sha256` of one that came in, or without them for
-- no image at all. False: the file is gone.
CREATE OR REPLACE FUNCTION mb_set_provider_image(request jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    file constant text := request ->> 'file';
    made "Provider";
BEGIN
    PERFORM FROM "Provider" p WHERE p."id" = request ->> 'provider' FOR NO KEY UPDATE;
    IF file IS NOT NULL AND NOT mb_end_file(file, request ->> 'mediaType', request ->> 'sha256') THEN
        RETURN false;
    END IF;
    UPDATE "Provider" p
       SET "image" = CASE WHEN file IS NULL THEN '' ELSE '/v1/providers/' || p."id" || '/image' END, "imageFileId" = file
     WHERE p."id" = request ->> 'provider' AND (file IS NOT NULL OR p."image" <> '')
    RETURNING p.* INTO made;
    IF made."id" IS NOT NULL THEN
        PERFORM mb_conclude_record(request, 'Provider', made."id", 'provider.changed',
                                   jsonb_build_object('version', made."version", 'fields', '["image"]'::jsonb), NULL);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION mb_set_provider_image(jsonb) IS 'gives a provider an image that came in, or takes it away';

RESET ROLE;
