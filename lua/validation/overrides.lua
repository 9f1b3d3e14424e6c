-- What the files of requirements/ and plugins ask beyond the rows of the database.
local plugin = require "mb.plugin"
local requirement = require "validation.requirement"
local scripts = require "mb.scripts"

local OURS <const>, THEIRS <const> = 1, 2 -- ranks: plugins come after the installation's own files

local sources = {}
for i, module in ipairs(scripts "validation/requirements/") do
  sources[i] = { rank = OURS, overrides = require(module) }
end
for _, it in ipairs(plugin.parts "requirements") do
  sources[#sources + 1] = { rank = THEIRS, name = it.name, overrides = it.it }
end
return requirement.collect(sources)
