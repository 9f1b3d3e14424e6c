-- What becomes of those who can subscribe, providers and organizations alike, and who decides it: the transitions of
-- their workflows, by the rules of each. "StatusEdge" (migrations/0049 and 0058) holds the same edges, for whoever else
-- writes; an edge more is a line there too. mb_move_subscriber (migrations/R__subscribers.sql) judges what only the row
-- can tell: that a trial is started once, and to which state the end of a suspension leads.
local workflow = require "mb.workflow"

local on = workflow.on
local any_time <const> = workflow.any_time

local IN_SERVICE <const> = { "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE" }
local UNPAID <const> = { "TRIAL", "TRIAL_EXPIRED" }

local function transitions(rules)
  return {
    on.approve {
      from = "PENDING_APPROVAL", to = "APPROVED", who = rules.decide, when = any_time,
      guards = { is_complete = true }, effects = { event = "approved" },
    },
    on.reject {
      from = "PENDING_APPROVAL", to = "REJECTED", who = rules.decide, when = any_time, effects = { event = "rejected" },
    },
    on.reset {
      from = { "REJECTED", "CANCELLED" }, to = "PENDING_APPROVAL", who = rules.decide, when = any_time,
      effects = { event = "reset" },
    },
    on.start_trial {
      from = "APPROVED", to = "TRIAL", who = rules.own, when = any_time, effects = { event = "trial_started" },
    },
    on.expire_trial {
      from = "TRIAL", to = "TRIAL_EXPIRED", who = workflow.server, when = any_time,
      effects = { event = "trial_expired" },
    },
    -- A subscription does the same; an administrator stands in for one.
    on.activate {
      from = UNPAID, to = "ACTIVE", who = rules.decide, when = any_time, effects = { event = "activated" },
    },
    on.subscribe {
      from = UNPAID, to = "ACTIVE", who = workflow.server, when = any_time, effects = { event = "activated" },
    },
    on.fall_due {
      from = "ACTIVE", to = "PAYMENT_OVERDUE", who = workflow.server, when = any_time,
      effects = { event = "payment_overdue" },
    },
    on.pay {
      from = "PAYMENT_OVERDUE", to = "ACTIVE", who = workflow.server, when = any_time,
      effects = { event = "payment_resumed" },
    },
    on.suspend {
      from = IN_SERVICE, to = "SUSPENDED", who = rules.decide, when = any_time, effects = { event = "suspended" },
    },
    -- To where it was before.
    on.reinstate {
      from = "SUSPENDED", to = IN_SERVICE, who = rules.decide, when = any_time, effects = { event = "reinstated" },
    },
    on.cancel {
      from = { "PENDING_APPROVAL", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED" },
      to = "CANCELLED", who = rules.own, when = any_time, effects = { event = "cancelled" },
    },
    -- Nobody paid for too long.
    on.give_up {
      from = "PAYMENT_OVERDUE", to = "CANCELLED", who = workflow.server, when = any_time,
      effects = { event = "cancelled" },
    },
  }
end

-- The workflow whose steps these are. spec: resource, enum, tells and rules, of which `decide` and `own` say who may.
return function(spec)
  return workflow.new {
    resource = spec.resource, enum = spec.enum, tells = spec.tells,
    states = {
      "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED",
      "CANCELLED",
    },
    initial = { "PENDING_APPROVAL" },
    final = {},
    begins = "created",
    also = { "changed", "trial_ending" },
    guards = { is_complete = "boolean" }, -- nothing is missing that an approval waits for
    effects = { event = "string" }, -- as the outbox has it
    transitions = transitions(spec.rules),
  }
end
