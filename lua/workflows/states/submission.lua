-- What becomes of an answer to a requirement. Whether a copy of it counts meanwhile is another question, which
-- mb_settle_compliance (migrations/R__submissions.sql) answers.
local rules = require "permissions.submissions"
local workflow = require "mb.workflow"

local on = workflow.on
local any_time <const> = workflow.any_time

return workflow.new {
  resource = "submissions",
  enum = "RequirementsValidationStatus",
  states = { "PENDING", "APPROVED", "REJECTED" },
  initial = { "PENDING" },
  final = {},
  tells = "submission", begins = "created",
  effects = { event = "string" },
  transitions = {
    -- Another answer; the approved copy counts until it is reviewed, unless that one lapses or is revoked.
    on.answer {
      from = { "APPROVED", "REJECTED" }, to = "PENDING", who = rules.answer, when = any_time,
      effects = { event = "changed" },
    },
    -- The answer that waits, or was rejected, is taken back, and what was approved is it again. Without that it goes.
    on.withdraw {
      from = { "PENDING", "REJECTED" }, to = "APPROVED", who = rules.answer, when = any_time,
      effects = { event = "withdrawn" },
    },
    on.approve {
      from = "PENDING", to = "APPROVED", who = rules.review, when = any_time, effects = { event = "approved" },
    },
    on.reject {
      from = "PENDING", to = "REJECTED", who = rules.review, when = any_time, effects = { event = "rejected" },
    },
    -- No copy of it counts any more; also of one that was rejected while a copy counts, which stays rejected.
    on.revoke {
      from = { "PENDING", "APPROVED" }, to = "REJECTED", who = rules.review, when = any_time,
      effects = { event = "rejected" },
    },
    -- The approved copy is over: it is to be answered again.
    on.lapse {
      from = "APPROVED", to = "PENDING", who = workflow.server, when = any_time, effects = { event = "lapsed" },
    },
  },
}
