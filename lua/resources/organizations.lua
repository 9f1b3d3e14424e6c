-- Clinics and whoever else has members, houses and providers of its own. One is registered by routes/organizations.lua,
-- which makes its first owner too.
local field = require "mb.field"
local refuse_placeholders = require "validation.placeholders"
local rules = require "permissions.organizations"
local statuses = require "validation.statuses"

local function told(kind, options) -- to members and administrators
  options.shown_to = rules.inspect
  return field[kind](options)
end

local function check_order(query, fail)
  if query.sort == "waiting" and query.status ~= "PENDING_APPROVAL" then
    fail("/sort", "waiting wants the status PENDING_APPROVAL")
  end
end

return require("mb.resource").new {
  name = "organizations", table = "Organization",
  fields = {
    name = field.line { create = true, change = true, required = true, min = 2, max = 200,
      example = "Umoya Family Health" },
    description = field.text { create = true, change = true, nullable = true, max = 2000,
      example = "Family practice, from Rosebank to Soweto." },
    email = field.email { create = true, change = true, nullable = true, example = "hello@umoya.example" },
    phone = field.phone { create = true, change = true, nullable = true, example = "+27115550001" },
    website = field.url { create = true, change = true, nullable = true, example = "https://umoya.example" },
    logo = field.url { nullable = true, example = "https://umoya.example/logo.png" },
    timeZone = field.zone { create = true, change = true, filled = true,
      description = "in which its days are meant; that of the installation, unless a new one says another" },
    billingModel = told("enum", { create = true, change = true, changed_by = rules.bill, default = "CONSOLIDATED",
      words = { "CONSOLIDATED", "PER_LOCATION" }, type = "OrganizationBillingModel",
      description = "one subscription for all of it, or one for each location" }),
    status = told("enum", { words = statuses, type = "OrganizationStatus" }),
    statusSince = told("instant", {}),
    rejectionReason = told("text", { nullable = true, example = "There is no clinic at this address." }),
    approvedAt = told("instant", { nullable = true }),
    trialStatus = told("enum", { words = { "NOT_STARTED", "ACTIVE", "EXPIRING_SOON", "EXPIRED", "CONVERTED" },
      type = "TrialStatus" }),
    trialStarted = told("instant", { nullable = true }),
    trialEnded = told("instant", { nullable = true, description = "when the trial ends, or ended" }),
  },
  list = {
    sort = { "name", "-name", "waiting" }, named = { waiting = "statusSince" },
    filter = { status = "=", name = "contains" }, check = check_order,
  },
  may = { view = rules.view, change = rules.change },
  check = function(values, fail) refuse_placeholders(values, { "email", "phone" }, fail) end,
}
