-- Works out anew until when providers comply, where something changed that it follows from: of one provider, or of all
-- when it is a requirement or the scripts. Now and then in any case, for what others have written.
local compliance = require "workflows.compliance"
local db = require "mb.db"
local jobs = require "workflows.jobs"

return {
  kind = "compliance.settle", every = "1h",
  events = {
    "requirement_type.created", "requirement_type.changed", "requirement_type.deleted", "provider.created",
    "provider.changed", "provider.approved", "provider.reset",
  },
  run = function(job)
    if job.payload.resource == "Provider" then
      return db.tx(function(tx)
        compliance.settle({ job.payload.resourceId }, tx)
        job:finish(tx)
      end)
    end
    local last = compliance.settle_next(job.payload.after or "")
    if last then
      jobs.enqueue(job.kind, { after = last })
    end
  end,
}
