-- What the standing of a provider and of a connection asks stands in the index alone.
SET LOCAL ROLE medbookd_owner;

DROP INDEX "RequirementSubmission_providerId_idx";
CREATE INDEX "RequirementSubmission_providerId_idx"
    ON "RequirementSubmission" ("providerId", "requirementTypeId", "status", "expiresAt");

DROP INDEX "OrganizationProviderConnection_providerId_idx";
CREATE INDEX "OrganizationProviderConnection_providerId_idx"
    ON "OrganizationProviderConnection" ("providerId", "organizationId", "status");

RESET ROLE;
