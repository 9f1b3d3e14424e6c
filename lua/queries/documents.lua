-- Files of providers, in pieces, and the documents among them.
local query = require "mb.query"

return {
  -- A DOCUMENT that a provider may be asked for, and the answers to it; `file`, `approvedFile`
  -- and their kin are null without such an answer, $1 provider, $2 requirement: its id or <type>.<slug>.
  of = query.read("documents.of", [[
SELECT p."id" AS "providerId", r."id" AS "requirementTypeId", r."slug", r."validationType", r."validationConfig",
       t."slug" AS "typeSlug", r."isActive" AND t."isActive" AS "isActive",
       s."documentMetadata" ->> 'fileId' AS "file", s."documentMetadata" ->> 'fileName' AS "fileName",
       s."approvedMetadata" ->> 'fileId' AS "approvedFile", s."approvedMetadata" ->> 'fileName' AS "approvedName"
  FROM "Provider" p
 CROSS JOIN LATERAL (
      SELECT x.* FROM "RequirementType" x JOIN "ProviderType" y ON y."id" = x."providerTypeId"
       WHERE x."id" = $2 OR y."slug" = split_part($2, '.', 1) AND x."slug" = split_part($2, '.', 2)
         AND split_part($2, '.', 3) = ''
       ORDER BY x."id" = $2 DESC LIMIT 1) r
  JOIN "ProviderType" t ON t."id" = r."providerTypeId"
  LEFT JOIN "RequirementSubmission" s ON s."requirementTypeId" = r."id" AND s."providerId" = p."id"
 WHERE p."id" = $1 AND r."validationType" = 'DOCUMENT']]),

  -- $1 provider, $2 new file, $3 bytes at most, $4 bytes that the provider may have waiting, $5 file that it takes the
  -- place of or null, $6 how long one is quiet that has left.
  begin = query.write("documents.begin", [[
SELECT mb_begin_file($1, $2, $3::bigint, $4::bigint, $5, $6::interval) AS "hasRoom"]]),

  -- $1 file, $2 number from 1, $3 mb.bytes parameter.
  append = query.write("documents.append", [[
SELECT mb_append_file($1, $2::integer, $3::bytea) AS "isThere"]]),

  -- A file that did not come in. $1 file.
  forget = query.write("documents.forget", [[DELETE FROM "ProviderFile" WHERE "id" = $1 AND "completedAt" IS NULL]]),

  -- $1 file, $2 media type, $3 sha256.
  finish = query.write("documents.finish", [[SELECT mb_end_file($1, $2, $3) AS "isThere"]]),

  -- A provider and its image. "isShown": to everybody. $1 provider.
  image_of = query.read("documents.image_of", [[
SELECT p."id", p."imageFileId" AS "file", ps.refusal IS DISTINCT FROM 'provider_not_active' AS "isShown"
  FROM "Provider" p
  JOIN mb_provider_standing() ps ON ps."id" = p."id"
 WHERE p."id" = $1]]),

  -- $1 request (mb_set_provider_image).
  set_image = query.write("documents.set_image", [[SELECT mb_set_provider_image($1::jsonb) AS "isThere"]]),

  -- A file that is complete. $1 file.
  file = query.read("documents.file", [[
SELECT f."id", f."mediaType", f."size", f."sha256" FROM "ProviderFile" f
 WHERE f."id" = $1 AND f."completedAt" IS NOT NULL]]),

  -- $1 file, $2 number.
  piece = query.read("documents.piece", [[
SELECT c."bytes" FROM "ProviderFilePiece" c WHERE c."fileId" = $1 AND c."number" = $2::integer]]),
}
