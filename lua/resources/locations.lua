-- Where organizations see patients. One is added to its organization, and closed, by routes/locations.lua.
local field = require "mb.field"
local refuse_placeholders = require "validation.placeholders"
local rules = require "permissions.locations"

local COORDINATES <const> = {
  type = "object", required = { "lat", "lng" },
  properties = {
    lat = { type = "number", minimum = -90, maximum = 90, example = -26.2041 },
    lng = { type = "number", minimum = -180, maximum = 180, example = 28.0473 },
  },
}

return require("mb.resource").new {
  name = "locations", table = "Location", title = "OrganizationLocation",
  fields = {
    organizationId = field.id {},
    name = field.line { create = true, change = true, required = true, max = 200, example = "Umoya Rosebank" },
    formattedAddress = field.line { create = true, change = true, required = true, max = 500,
      example = "15 Bath Avenue, Rosebank, Johannesburg, 2196" },
    coordinates = field.object { create = true, change = true, required = true, schema = COORDINATES,
      description = "degrees; a change sends both" },
    googlePlaceId = field.line { create = true, filled = true, max = 300, example = "ChIJl3rq0Q4MlR4RSPWzqFVTvTE",
      description = "no two locations have the same; local:<id> of one that was added without" },
    phone = field.phone { create = true, change = true, nullable = true, example = "+27115550001" },
    email = field.email { create = true, change = true, nullable = true, example = "rosebank@umoya.example" },
    timeZone = field.zone { create = true, change = true, filled = true,
      description = "in which its days are meant; that of its organization, unless a new one says another" },
    searchTerms = field.list { create = true, change = true, of = field.line { max = 60 }, max = 20,
      example = { "rosebank", "joburg north" }, description = "by which people find it, each as it is written" },
    closed = field.boolean { description = "nobody works there any more, and others do not see it" },
  },
  list = {
    sort = { "name", "-name" },
    filter = { organizationId = "=", name = "contains", formattedAddress = "contains", searchTerms = "has" },
  },
  may = { view = rules.view, change = rules.manage },
  check = function(values, fail) refuse_placeholders(values, { "email", "phone" }, fail) end,
}
