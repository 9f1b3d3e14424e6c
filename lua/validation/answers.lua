-- What the routes answer. Members stand in the order in which `object` is given them; every one of these is
-- always there, null where it may be and there is nothing. Rows and functions of the database that are sent as they
-- are (mb_booking_body) keep the same order.
local with = require "mb.with"

local function maybe(schema) return with(schema, { nullable = true }) end

local function text(example) return { type = "string", example = example } end

local function list(items) return { type = "array", items = items } end

-- members: name, schema, name, schema, … in the order in which they are written; optional: those that are not always
-- there, by name.
local function object(title, members, optional)
  local properties, required = {}, {}
  for key, schema in pairs(optional or {}) do
    properties[key] = schema
  end
  for i = 1, #members, 2 do
    required[#required + 1], properties[members[i]] = members[i], members[i + 1]
  end
  return { type = "object", title = title, required = required, properties = properties }
end

-- Whatever a table holds: the keys are not known beforehand.
local function map(values, description)
  return {
    type = "object", required = {}, properties = {}, additionalProperties = values, description = description,
  }
end

-- A page: `data`, `nextCursor`, and more members that are not always there.
local function page(items, optional)
  return object(nil, {
    "data", list(items),
    "nextCursor", {
      type = "string", nullable = true, description = "pass it as `cursor` for the next page; null at the end",
    },
  }, optional)
end

local id <const>, truth <const> = text "cm3b0q8zk0000v9l4h2d7x1ab", { type = "boolean" }
local instant <const> = { type = "string", format = "date-time" }
local time_zone <const> = text "Africa/Johannesburg"
local price <const> = {
  type = "string", nullable = true, format = "decimal", description = "null where prices are not shown",
}
local languages <const> = list(text "English")
local rating <const> = { type = "number", minimum = 1, maximum = 5, nullable = true }
local reviews <const> = { type = "integer", minimum = 0 }
local image <const> = maybe(text "https://clinic.example/dlamini.jpg")
local provider_name <const>, service_name <const> = text "Dr Noma Dlamini", text "Consultation"
local place_name <const>, address <const> = text "Rosebank Rooms", text "15 Bath Avenue, Rosebank, Johannesburg"
local phone <const>, email <const> = text "+27115550100", text "rooms@clinic.example"

local coordinates <const> = with(object(nil, {
  "lat", { type = "number", minimum = -90, maximum = 90, example = -26.1451 },
  "lng", { type = "number", minimum = -180, maximum = 180, example = 28.0416 },
}), { additionalProperties = true })

local provider_status <const> = { type = "string", enum = require "validation.statuses" }

local provider_card = object("ProviderCard", {
  "id", id, "name", provider_name, "image", image, "languages", languages, "averageRating", rating,
  "totalReviews", reviews, "timeZone", time_zone, "types", list(text "General practitioner"),
  "nextSlotId", maybe(id), "nextSlotAt", maybe(instant),
}, {
  status = with(provider_status, { description = "for administrators who ask for one" }),
  statusSince = with(instant, { description = "for them too: when it became that" }),
})

local trial_status <const> = {
  type = "string", enum = { "NOT_STARTED", "ACTIVE", "EXPIRING_SOON", "EXPIRED", "CONVERTED" },
}
local trial_ended <const> = with(instant, { nullable = true, description = "when the trial ends, or ended" })
local rejection <const> = maybe(text "The certificate is not legible.")
local version <const> = { type = "integer", minimum = 1, description = "also the ETag" }

-- As mb_provider_body writes it (migrations/R__providers.sql).
local own_provider = object("OwnProvider", {
  "id", id, "name", provider_name, "bio", maybe(text "General practice since 2004."), "image", image,
  "languages", languages, "website", maybe(text "https://clinic.example"), "email", maybe(email),
  "whatsapp", maybe(phone), "showPrice", truth, "timeZone", time_zone,
  "reminderEnabled", truth, "reminderHours", { type = "integer", minimum = 1, maximum = 72, example = 24 },
  "reminderChannels", list(text "email"),
  "status", provider_status, "rejectionReason", rejection, "approvedAt", maybe(instant),
  "trialStatus", maybe(trial_status), "trialStarted", maybe(instant), "trialEnded", trial_ended,
  "providerTypeIds", list(id), "version", version, "createdAt", instant, "updatedAt", instant,
})

local function own(schema) return with(schema, { description = "for itself and administrators" }) end

local provider = object("Provider", {
  "id", id, "name", provider_name, "bio", maybe(text "General practice since 2004."), "image", image,
  "languages", languages, "website", maybe(text "https://clinic.example"), "email", maybe(email),
  "whatsapp", maybe(phone), "showPrice", truth, "averageRating", rating, "totalReviews", reviews,
  "timeZone", time_zone, "types", list(text "General practitioner"),
  "services", list(object("OfferedService", {
    "id", id, "name", service_name, "description", maybe(text "First visit, with history."),
    "duration", { type = "integer", minimum = 1, description = "minutes", example = 30 },
    "price", price, "locationId", maybe(id), "isOnlineAvailable", truth, "isInPerson", truth,
  })),
  "locations", list(object("Location", {
    "id", id, "name", place_name, "formattedAddress", address, "coordinates", coordinates, "phone", maybe(phone),
  })),
}, {
  status = own(provider_status), rejectionReason = own(rejection), approvedAt = own(maybe(instant)),
  trialStatus = own(maybe(trial_status)), trialStarted = own(maybe(instant)), trialEnded = own(trial_ended),
  providerTypeIds = own(list(id)), version = own(version), createdAt = own(instant), updatedAt = own(instant),
})

-- As mb_service_config_body writes it (migrations/R__service_configs.sql).
local minutes <const> = { type = "integer", minimum = 0, description = "minutes" }
local service_config = object("ServiceConfig", {
  "id", id, "providerId", id, "serviceId", id, "locationId", maybe(id), "duration", with(minutes, { example = 30 }),
  "price", price, "isOnlineAvailable", truth, "isInPerson", truth, "bufferBefore", minutes, "bufferAfter", minutes,
  "isActive", with(truth, { description = "false: it is retired" }),
  "version", { type = "integer", minimum = 1, description = "also the ETag" }, "createdAt", instant,
  "updatedAt", instant,
})

local SEVERAL <const> = { description = "where several providers are searched" }

local slot = object("Slot", {
  "id", id, "providerId", id, "serviceId", id, "locationId", maybe(id), "startTime", instant,
  "endTime", with(instant, { example = "2026-11-22T08:30:00.000Z" }), "price", price, "isOnlineAvailable", truth,
  "isInPerson", truth,
}, {
  providerName = with(provider_name, SEVERAL), serviceName = with(service_name, SEVERAL),
  locationName = maybe(with(place_name, SEVERAL)),
})

-- What the slots of one provider refer to.
local included = with(object("Included", {
  "providers", list(object("IncludedProvider", {
    "id", id, "name", provider_name, "image", image, "languages", languages, "averageRating", rating,
    "totalReviews", reviews, "timeZone", time_zone,
  })),
  "services", list(object("IncludedService", {
    "id", id, "name", service_name, "description", maybe(text "First visit, with history."),
  })),
  "locations", list(object("IncludedLocation", {
    "id", id, "name", place_name, "formattedAddress", address, "coordinates", coordinates,
  })),
}), { description = "what the slots of one provider refer to; only where `providerId` is sent" })

-- As mb_booking_body writes it.
local BOOKING <const> = {
  "id", id, "reference", text "7KQ2M9XD",
  "status", { type = "string", enum = { "CONFIRMED", "PENDING", "CANCELLED", "COMPLETED", "NO_SHOW" } },
  "slotId", with(id, { nullable = true, description = "null once it is cancelled" }),
  "providerId", id, "serviceId", maybe(id), "locationId", maybe(id), "startTime", instant,
  "endTime", with(instant, { example = "2026-11-22T08:30:00.000Z" }), "price", price, "isOnline", maybe(truth),
  "isInPerson", maybe(truth), "clientId", maybe(id), "guestName", maybe(text "Thandi Mokoena"),
  "guestEmail", maybe(text "thandi@example.org"), "guestPhone", maybe(text "+27825550123"),
  "guestWhatsapp", maybe(text "+27825550123"), "notes", maybe(text "first visit"),
  "meetLink", maybe(text "https://meet.example/7KQ2M9XD"), "confirmedAt", maybe(instant),
  "cancelledAt", maybe(instant), "reasonCode", maybe(text "cancelled_by_patient"),
  "version", { type = "integer", minimum = 1, description = "also the ETag" }, "createdAt", instant,
  "updatedAt", instant,
}

local NEW_BOOKING <const> = table.move(BOOKING, 1, #BOOKING, 1, {})
table.move({
  "manageToken",
  with(text "mbt_3zq9…", {
    description = "send it as Bearer to look at this booking and to cancel it",
  }),
}, 1, 2, #NEW_BOOKING + 1, NEW_BOOKING)

local ignored <const> = list(object("IgnoredConfiguration", {
  "source", text "database", "reason", text "unknown key 'max'",
}))

local requirement = object("Requirement", {
  "id", id, "key", with(text "hpcsa-number", { description = "its slug, which rule files write too" }),
  "name", text "HPCSA number", "description", maybe(text "As on your card."),
  "isRequired", with(truth, { description = "of everybody" }),
  "isConditional", with(truth, { description = "other answers decide whether it is required" }),
  "effectiveFrom", with(instant, { description = "from when on whoever was approved before needs an answer" }),
  "validationType", text "TEXT", "config", map(true, "in force"),
  "sources", map(text "database", "where each key of config came from"),
  "ignored", ignored,
})

local review_status <const> = { type = "string", enum = { "PENDING", "APPROVED", "REJECTED" } }
local answer <const> = with(map(true, "value, or values and other, or what is known of a file"), {
  nullable = true, example = { value = "MP012345" },
})
local seen <const> = { type = "integer", minimum = 1, description = "for If-Match of a review" }
local expires <const> = with(instant, { nullable = true, description = "when the approved copy of it lapses" })
local notes <const> = with(text "The certificate is not legible.", { nullable = true, description = "the reviewer's" })
local approved <const> = with(instant, { nullable = true, description = "of the copy that counts; null: none does" })

-- As lua/routes/submissions.lua puts it together.
local submission = object("Submission", {
  "requirementTypeId", id, "key", text "general-practitioner.hpcsa-number", "name", text "HPCSA number",
  "description", maybe(text "As on your card."), "providerTypeId", id,
  "isRequired", with(truth, { description = "of this provider" }), "validationType", text "TEXT",
  "config", map(true, "in force"), "sources", map(text "database", "where each key of config came from"),
  "ignored", ignored,
  "status", { type = "string", enum = { "NOT_SUBMITTED", "PENDING", "APPROVED", "REJECTED", "EXPIRED" } },
  "answer", answer, "submittedAt", maybe(instant), "approvedAt", approved, "expiresAt", expires,
  "validatedAt", maybe(instant), "notes", notes, "warning", maybe(text "ends in 12 days"),
  "version", maybe(seen),
})

-- As mb_submission_body writes it (migrations/R__submissions.sql).
local reviewed_submission = object("ReviewedSubmission", {
  "id", id, "providerId", id, "requirementTypeId", id, "status", review_status, "answer", answer,
  "submittedAt", maybe(instant), "approvedAt", approved, "expiresAt", expires, "validatedAt", maybe(instant),
  "notes", notes, "version", seen,
})

local submission_on_desk = object("SubmissionOnDesk", {
  "id", id, "providerId", id, "providerName", provider_name, "requirementTypeId", id,
  "key", text "general-practitioner.hpcsa-number", "name", text "HPCSA number", "validationType", text "TEXT",
  "status", review_status, "answer", answer, "submittedAt", instant, "approvedAt", approved, "expiresAt", expires,
  "validatedAt", maybe(instant), "notes", notes, "version", seen,
})

local own_session = object("OwnSession", {
  "id", id, "createdAt", instant, "lastSeenAt", with(instant, { description = "some minutes old at most" }),
  "expiresAt", instant, "ipAddress", maybe(text "192.0.2.17"), "userAgent", maybe(text "Mozilla/5.0"),
  "isCurrent", with(truth, { description = "the one that asks" }),
})

local API_KEY <const> = {
  "id", id, "name", text "website", "prefix", with(text "mbk_3f9cAz", { description = "how the key begins" }),
  "permissions", list(text "bookings.view"), "createdAt", instant,
}

-- A step that was taken, by the one that is called `own` or others.
local function status_step(title, own_word)
  return object(title, {
    "id", text "17", "action", text "approve", "fromStatus", provider_status, "toStatus", provider_status,
    "reason", maybe(text "The certificate is not legible."),
    "by", { type = "string", enum = { own_word, "ADMIN", "SERVER" } }, "createdAt", instant,
  })
end

local decimal <const> = { type = "string", format = "decimal" }
local count <const> = { type = "integer", minimum = 0 }
local currency <const>, interval <const> = text "ZAR", { type = "string", enum = { "MONTHLY" } }

-- What slots cost under one plan.
local QUOTE <const> = {
  "planId", id, "slug", text "standard", "name", text "Standard", "currency", currency, "interval", interval,
  "slots", with(count, { example = 350 }), "includedSlots", with(count, { example = 30 }),
  "base", with(decimal, { example = "300.00" }),
  "tiers", list(object("QuotedTier", {
    "first", with(count, { example = 31 }), "last", with(count, { nullable = true, example = 100 }),
    "slots", with(count, { example = 70, description = "those of the asked that fall into it" }),
    "unitPrice", with(decimal, { example = "5.00" }), "amount", with(decimal, { example = "350.00" }),
  })),
  "total", with(decimal, { example = "1600.00" }),
}

local function api_key(title, more)
  return object(title, table.move(more, 1, #more, #API_KEY + 1, table.move(API_KEY, 1, #API_KEY, 1, {})))
end

local number <const> = { type = "integer", minimum = 0, example = 12 }
local waiting <const> = object(nil, {
  "count", number, "oldestAge", with(number, { nullable = true, description = "seconds that the first has waited" }),
})

return {
  object = object,
  providers = page(provider_card),
  provider = provider, own_provider = own_provider,
  provider_history = page(status_step("ProviderStep", "PROVIDER")),
  organization_history = page(status_step("OrganizationStep", "ORGANIZATION")),
  statistics = object("Statistics", {
    "at", instant, "providers", map(number, "how many by status"), "organizations", map(number, "how many by status"),
    "waiting", with(object(nil, { "providers", waiting, "submissions", waiting }), { description = "for a decision" }),
    "bookings", with(object(nil, { "today", number, "week", number }), {
      description = "that begin today or this week and are not cancelled" }),
    "users", with(object(nil, { "total", number, "today", number, "week", number }), {
      description = "accounts, and those made today or this week" }),
  }),
  slots = page(slot, { included = included }),
  booking = object("Booking", BOOKING),
  new_booking = object("NewBooking", NEW_BOOKING),
  quote = object("Quote", QUOTE, {
    plans = with(list(object("ComparedQuote", QUOTE)), { description = "where `compare` is sent" }),
  }),
  plan_versions = page(object("PlanPrice", {
    "number", { type = "integer", minimum = 1, description = "the first price is 1" },
    "basePrice", with(decimal, { example = "300.00" }), "currency", currency, "interval", interval,
    "includedSlots", with(count, { example = 30 }), "tierPricing", map(true), "createdAt", instant,
  })),
  sessions = page(own_session), own_session = own_session,
  api_keys = page(api_key("ApiKey", {
    "lastUsedAt", with(instant, { nullable = true, description = "some minutes old at most" }),
    "expiresAt", maybe(instant),
  })),
  new_api_key = api_key("NewApiKey", {
    "expiresAt", maybe(instant),
    "key", with(text "mbk_3f9cAz…", { description = "send it as Bearer; shown this once" }),
  }),
  linked_accounts = page(object("LinkedAccount", {
    "id", id, "provider", with(text "google", { description = "as the operator names it" }), "type", text "oidc",
  })),
  link = object("AccountLink", { "url", text "https://clinic.example/v1/auth/oidc/google/start?return=…" }),
  session = object("Session", { "token", text "3f9cA…", "expiresAt", instant, "userId", id }),
  me = object("Me", {
    "id", id, "name", maybe(text "Thandi Mokoena"), "email", maybe(text "thandi@example.org"),
    "emailVerified", maybe(instant), "phone", maybe(phone), "phoneVerified", maybe(instant), "whatsapp", maybe(phone),
    "whatsappVerified", maybe(instant), "image", image, "role", text "USER", "providerId", maybe(id),
    "version", { type = "integer", minimum = 1, description = "also the ETag" }, "createdAt", instant,
    "updatedAt", instant,
  }),
  service_config = service_config, service_configs = page(service_config),
  requirements = object("Requirements", {
    "data", list(requirement),
    "unmatched", list(object("UnmatchedOverride", {
      "source", text "validation/requirements/doctors.lua:3", "reason", text "there is no requirement 'hpcsa-numbre'",
    })),
  }),
  document = object("Document", {
    "fileName", text "hpcsa.pdf",
    "fileSize", { type = "integer", minimum = 1, description = "bytes", example = 48213 },
    "fileType", text "application/pdf",
    "sha256", text "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  }),
  submission = submission, submissions = object("Submissions", { "data", list(submission) }),
  reviewed_submission = reviewed_submission, submission_desk = page(submission_on_desk),
  judged = object("JudgedAnswers", {
    "data", list(object("JudgedAnswer", {
      "requirementId", id,
      "value", { type = "any", description = "as it would be kept: by the type of the requirement", example = "MP12" },
      "warning", maybe(text "ends in 12 days"),
    })),
    "missing", list(id),
  }),
}
