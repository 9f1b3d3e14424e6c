-- What the files of requirements/ ask beyond the rows of the database.
local requirement = require "mb.requirement"
local scripts = require "mb.scripts"

local OURS <const> = 1 -- rank: plugins come after the installation's own files

local sources = {}
for i, module in ipairs(scripts "validation/requirements/") do
  sources[i] = { rank = OURS, overrides = require(module) }
end
return requirement.collect(sources)
