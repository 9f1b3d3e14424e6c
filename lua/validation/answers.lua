-- What the routes answer, for the document (mb.openapi): schemas of answers check nothing.

-- field(type, changes): a schema of that type.
local function field(kind, changes)
  local made = { type = kind }
  for key, value in pairs(changes or {}) do
    made[key] = value
  end
  return made
end

local text <const>, truth <const> = field "string", field "boolean"
local instant <const> = field("string", { format = "date-time" })
local maybe_text <const> = field("string", { nullable = true })
local maybe_instant <const> = field("string", { format = "date-time", nullable = true })
local maybe_truth <const> = field("boolean", { nullable = true })
local price <const> = field("string", { nullable = true, description = "decimal; null where prices are not shown" })

local function object(title, properties)
  return { type = "object", title = title, properties = properties }
end

local function list(items)
  return { type = "array", items = items }
end

-- A page: `data`, `nextCursor`, and more members.
local function page(items, more)
  local properties = {
    data = list(items),
    nextCursor = field("string", {
      nullable = true, description = "pass it as `cursor` for the next page; null at the end",
    }),
  }
  for key, value in pairs(more or {}) do
    properties[key] = value
  end
  return { type = "object", required = { "data", "nextCursor" }, properties = properties }
end

local rating = {
  averageRating = field("number", { nullable = true }), totalReviews = field "integer",
}

local provider_card = object("ProviderCard", {
  id = text, name = text, image = maybe_text, languages = list(text), types = list(text), timeZone = text,
  averageRating = rating.averageRating, totalReviews = rating.totalReviews,
  nextSlotId = maybe_text, nextSlotAt = maybe_instant,
})

local location = object("Location", {
  id = text, name = text, formattedAddress = maybe_text, phone = maybe_text,
  coordinates = field("object", { nullable = true, properties = {} }),
})

local provider = object("Provider", {
  id = text, name = text, bio = maybe_text, image = maybe_text, languages = list(text), website = maybe_text,
  email = maybe_text, whatsapp = maybe_text, showPrice = truth, timeZone = text, types = list(text),
  averageRating = rating.averageRating, totalReviews = rating.totalReviews,
  services = list(object("OfferedService", {
    id = text, name = text, description = maybe_text, duration = field("integer", { description = "minutes" }),
    price = price, locationId = maybe_text, isOnlineAvailable = truth, isInPerson = truth,
  })),
  locations = list(location),
})

local slot = object("Slot", {
  id = text, providerId = text, serviceId = text, locationId = maybe_text, startTime = instant, endTime = instant,
  price = price, isOnlineAvailable = truth, isInPerson = truth,
  providerName = field("string", { description = "where several providers are searched" }),
  serviceName = field("string", { description = "where several providers are searched" }),
  locationName = field("string", { nullable = true, description = "where several providers are searched" }),
})

local booking = object("Booking", {
  id = text, reference = text,
  status = field("string", { enum = { "PENDING", "CONFIRMED", "CANCELLED", "COMPLETED", "NO_SHOW" } }),
  slotId = field("string", { nullable = true, description = "null once it is cancelled" }),
  providerId = text, serviceId = maybe_text, locationId = maybe_text, startTime = instant, endTime = instant,
  price = price, isOnline = maybe_truth, isInPerson = maybe_truth, clientId = maybe_text, guestName = maybe_text,
  guestEmail = maybe_text, guestPhone = maybe_text, guestWhatsapp = maybe_text, notes = maybe_text,
  meetLink = maybe_text, confirmedAt = maybe_instant, cancelledAt = maybe_instant, reasonCode = maybe_text,
  version = field("integer", { description = "also the ETag" }), createdAt = instant, updatedAt = instant,
})

local made = {}
for key, value in pairs(booking.properties) do
  made[key] = value
end
made.manageToken = field("string", { description = "send it as Bearer to look at this booking and to cancel it" })

local requirement = object("Requirement", {
  id = text, key = text, name = text, description = maybe_text, isRequired = truth, validationType = text,
  config = field("object", { properties = {}, description = "in force" }),
  sources = field("object", { properties = {}, description = "where each key of config came from" }),
  ignored = list(field("object", { properties = {} })),
})

return {
  providers = page(provider_card),
  provider = provider,
  slots = page(slot, { included = field("object", {
    description = "what the slots of one provider refer to", properties = {
      providers = list(field("object", { properties = {} })), services = list(field("object", { properties = {} })),
      locations = list(field("object", { properties = {} })),
    },
  }) }),
  booking = booking,
  new_booking = object("NewBooking", made),
  session = object("Session", { token = text, expiresAt = instant, userId = text }),
  me = object("Me", {
    id = text, name = maybe_text, email = text, emailVerified = maybe_instant, phone = maybe_text,
    phoneVerified = maybe_instant, whatsapp = maybe_text, whatsappVerified = maybe_instant, image = maybe_text,
    role = text, providerId = maybe_text, createdAt = instant, updatedAt = instant,
  }),
  requirements = { type = "object", properties = {
    data = list(requirement),
    unmatched = list(object("UnmatchedOverride", { source = text, reason = text })),
  } },
  judged = { type = "object", properties = {
    data = list(field("object", { properties = {
      requirementId = text, warning = maybe_text,
    } })),
    missing = list(text),
  } },
}
