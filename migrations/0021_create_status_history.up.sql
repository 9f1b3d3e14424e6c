-- Every change of a status that a workflow made, in order; written in the statement that makes it.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "StatusHistory" (
    "id" bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT "StatusHistory_pkey" PRIMARY KEY,
    "resource" text NOT NULL,
    "resourceId" text NOT NULL,
    "action" text NOT NULL,
    "fromStatus" text NOT NULL,
    "toStatus" text NOT NULL,
    "userId" text,
    "reasonCode" text,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "StatusHistory_toStatus_check" CHECK ("toStatus" <> "fromStatus")
);
COMMENT ON COLUMN "StatusHistory"."resourceId" IS 'no foreign key: history outlives what it speaks of';
COMMENT ON COLUMN "StatusHistory"."action" IS 'of the workflow, as cancel';

CREATE INDEX "StatusHistory_resource_resourceId_id_idx" ON "StatusHistory" ("resource", "resourceId", "id");

CREATE FUNCTION mb_keep_status_history() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the history of statuses is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER "StatusHistory_rows_are_final" BEFORE UPDATE OR DELETE ON "StatusHistory"
    FOR EACH ROW EXECUTE FUNCTION mb_keep_status_history();
CREATE TRIGGER "StatusHistory_is_not_emptied" BEFORE TRUNCATE ON "StatusHistory"
    FOR EACH STATEMENT EXECUTE FUNCTION mb_keep_status_history();
REVOKE UPDATE, DELETE ON "StatusHistory" FROM medbookd_app;

RESET ROLE;
