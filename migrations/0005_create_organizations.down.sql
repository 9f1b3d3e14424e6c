DROP TABLE "Location";
DROP TABLE "OrganizationInvitation";
DROP TABLE "OrganizationMembership";
DROP TABLE "Organization";
