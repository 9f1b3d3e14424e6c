-- What the overrides of requirements are about that is in no row. Rows come and go while scripts stand, so it is told
-- and stops nothing.
local db = require "mb.db"
local jobs = require "workflows.jobs"
local log = require "mb.log"
local queries = require "queries.requirements"

-- As book:unmatched of validation.requirement; overrides: the book that is in force.
local function unmatched(overrides)
  return overrides:unmatched(db.all({ queries.slugs }, { queries.organizations, overrides.organizations }))
end

-- Tells the log when these scripts come into force.
local function load(overrides)
  jobs.at_start(function()
    for _, it in ipairs(unmatched(overrides)) do
      log.warn("an override of requirements matches nothing", { at = it.source, reason = it.reason })
    end
  end)
end

return { load = load, unmatched = unmatched }
