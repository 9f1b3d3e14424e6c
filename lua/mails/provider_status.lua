-- To a provider: what has become of it. By event: subject and paragraphs (workflows/status_letters.lua).
local db = require "mb.db"
local provider_states = require "queries.provider_states"
local status_letters = require "workflows.status_letters"

local REASON <const> = "The reason: {reason}"
local SUBSCRIBE <const> = "With a subscription patients find and book you again."

local LETTERS <const> = {
  ["provider.created"] = { "We have your registration", "you have registered as a provider.",
    "Answer what the law asks of you; then your registration is reviewed, and you are told of the outcome." },
  ["provider.approved"] = { "You are approved", "your registration as a provider is approved.",
    "Patients find you as soon as you start your trial, which you have once." },
  ["provider.rejected"] = { "Your registration is rejected", "your registration as a provider is rejected.", REASON,
    "Ask the operator, who can let you register again." },
  ["provider.reset"] = { "Your registration is looked at again", "your registration as a provider waits for its "
    .. "approval again." },
  ["provider.trial_started"] = { "Your trial has begun", "your trial has begun: patients find and book you.",
    "It ends on {trialEnd} ({timeZone})." },
  ["provider.trial_ending"] = { "Your trial ends soon", "your trial ends on {trialEnd} ({timeZone}).",
    "Subscribe before that; else patients find you no longer." },
  ["provider.trial_expired"] = { "Your trial is over", "your trial is over, and patients find you no longer.",
    "The bookings that you have stand. " .. SUBSCRIBE },
  ["provider.activated"] = { "You are in service", "thank you for your subscription: patients find and book you." },
  ["provider.payment_overdue"] = { "A payment is overdue", "a payment for your subscription is overdue, and patients "
    .. "find you no longer.", "The bookings that you have stand. As soon as it is paid patients find you again." },
  ["provider.payment_resumed"] = { "Your payment has come", "your subscription is paid: patients find and book you "
    .. "again." },
  ["provider.suspended"] = { "You are suspended", "you are suspended as a provider: patients find you no longer, and "
    .. "book nothing with you.", REASON, "Ask the operator, who can end it." },
  ["provider.reinstated"] = { "Your suspension is over", "your suspension as a provider is over, and you are what you "
    .. "were before." },
  ["provider.cancelled"] = { "You are no provider any more", "you have ended being a provider: patients find you no "
    .. "longer.", REASON, "The bookings that you have stand. Ask the operator, if you want to come back." },
}

-- payload: { providerId, event, at }, as the outbox has it.
return function(payload)
  local it = db.query(provider_states.letter, payload.providerId, payload.at)[1]
  if not it or not it.address then
    return nil
  end
  local subject, text = status_letters.fill(LETTERS[payload.event], it, it.name)
  return { to = it.address, subject = subject, text = text }
end
