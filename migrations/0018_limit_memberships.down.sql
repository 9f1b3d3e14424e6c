DROP TABLE "MembershipProvider", "MembershipLocation";
ALTER TABLE "Location" DROP CONSTRAINT "Location_id_organizationId_key";
ALTER TABLE "OrganizationMembership" DROP CONSTRAINT "OrganizationMembership_id_organizationId_key";
