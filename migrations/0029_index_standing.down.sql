SET LOCAL ROLE medbookd_owner;

DROP INDEX "OrganizationProviderConnection_providerId_idx";
CREATE INDEX "OrganizationProviderConnection_providerId_idx" ON "OrganizationProviderConnection" ("providerId");

DROP INDEX "RequirementSubmission_providerId_idx";
CREATE INDEX "RequirementSubmission_providerId_idx" ON "RequirementSubmission" ("providerId");

RESET ROLE;
