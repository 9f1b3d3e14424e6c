-- To an owner of an organization: what became of it. By event: subject and paragraphs (workflows/status_letters.lua).
local db = require "mb.db"
local organization_states = require "queries.organization_states"
local status_letters = require "workflows.status_letters"

local REASON <const> = "The reason: {reason}"
local STAND <const> = "The bookings that there are stand."

local LETTERS <const> = {
  ["organization.created"] = { "We have the registration of {organization}", "{organization} is registered.",
    "Add a location, and an e-mail address or phone number; then it is reviewed, and you are told of the outcome." },
  ["organization.approved"] = { "{organization} is approved", "{organization} is approved: it can invite staff and "
    .. "providers.", "Start its trial, which it has once." },
  ["organization.rejected"] = { "{organization} is rejected", "the registration of {organization} is rejected.", REASON,
    "Ask the operator, who can let you register again." },
  ["organization.reset"] = { "{organization} is looked at again", "{organization} waits for its approval again." },
  ["organization.trial_started"] = { "The trial of {organization} has begun", "the trial of {organization} has begun.",
    "It ends on {trialEnd} ({timeZone})." },
  ["organization.trial_ending"] = { "The trial of {organization} ends soon", "the trial of {organization} ends on "
    .. "{trialEnd} ({timeZone}).", "Subscribe before that; else nothing more can be booked there." },
  ["organization.trial_expired"] = { "The trial of {organization} is over", "the trial of {organization} is over, and "
    .. "nothing more can be booked there.", STAND .. " With a subscription patients book there again." },
  ["organization.activated"] = { "{organization} is in service", "thank you for the subscription of {organization}." },
  ["organization.payment_overdue"] = { "A payment for {organization} is overdue", "a payment for the subscription of "
    .. "{organization} is overdue, and nothing more can be booked there.", STAND },
  ["organization.payment_resumed"] = { "The payment for {organization} has come", "the subscription of {organization} "
    .. "is paid: patients book there again." },
  ["organization.suspended"] = { "{organization} is suspended", "{organization} is suspended: nothing more can be "
    .. "booked there.", REASON, STAND .. " Ask the operator, who can end it." },
  ["organization.reinstated"] = { "The suspension of {organization} is over", "the suspension of {organization} is "
    .. "over, and it is what it was before." },
  ["organization.cancelled"] = { "{organization} is given up", "{organization} is given up: nothing more can be booked "
    .. "there.", REASON, STAND .. " Ask the operator, if you want it back." },
}

-- payload: { organizationId, userId, event, at }, as the outbox has it.
return function(payload)
  local it = db.query(organization_states.letter, payload.organizationId, payload.at, payload.userId)[1]
  if not it then
    return nil
  end
  local subject, text = status_letters.fill(LETTERS[payload.event], it, it.name)
  return { to = it.address, subject = subject, text = text }
end
