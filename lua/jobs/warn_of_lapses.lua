-- Tells providers by mail which of their answers lapse soon, of each answer once: as many days before as its
-- requirement says (`warningThreshold`).
local db = require "mb.db"
local mail = require "workflows.mail"
local submissions = require "queries.submissions"

local AT_ONCE <const> = 200 -- answers; the rest waits for the next time

return {
  kind = "compliance.warn", every = "15min", max_attempts = 3,
  run = function(job)
    db.tx(function(tx)
      local by_provider = {}
      local rows = tx:query(submissions.take_warnings, AT_ONCE)
      for i = 1, #rows do
        local list = by_provider[rows[i].providerId] or {}
        by_provider[rows[i].providerId] = list
        list[#list + 1] = rows[i].id
      end
      for provider_id, ids in pairs(by_provider) do
        mail.send("answers-lapse", { providerId = provider_id, submissionIds = ids }, { tx = tx })
      end
      job:finish(tx)
    end)
  end,
}
