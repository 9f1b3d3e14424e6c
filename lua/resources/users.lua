-- Accounts, as administrators of the platform see them. Their owners change them by /v1/me.
local field = require "mb.field"
local roles = require "permissions.roles"
local rules = require "permissions.users"

return require("mb.resource").new {
  name = "users", table = "User", title = "UserAccount",
  fields = {
    name = field.line { nullable = true, example = "Thandi Mokoena" },
    email = field.email { nullable = true, example = "thandi@example.org" },
    emailVerified = field.instant { nullable = true },
    phone = field.phone { nullable = true, example = "+27825550123" },
    phoneVerified = field.instant { nullable = true },
    whatsapp = field.phone { nullable = true, example = "+27825550123" },
    whatsappVerified = field.instant { nullable = true },
    image = field.url { nullable = true, example = "https://clinic.example/thandi.jpg" },
    role = field.enum { words = roles.platform_roles, type = "UserRole" },
    isLocked = field.boolean {
      description = "an administrator has locked it: nobody signs in",
      select = [[coalesce(t."accountLockedUntil" > mb_now(), false)]],
    },
    lockReason = field.text { nullable = true, example = "asked for by phone" },
    deletedAt = field.instant { nullable = true, description = "its owner is gone" },
    providerId = field.id { nullable = true, description = "the provider that this is",
      select = [[(SELECT p."id" FROM "Provider" p WHERE p."userId" = t."id")]] },
  },
  list = { sort = { "-createdAt", "createdAt" }, filter = { role = "=", name = "contains", email = "contains" } },
  may = { view = rules.view },
}
