-- The one script that the server runs itself: loads the engines, the plugins and every file of routes/,
-- jobs/ and mails/, and returns the compiled routes. `scripts(prefix)` lists the modules of a folder.
local scripts = ...

require "mb.problem"
require "mb.json"
require "workflows.new_admin" -- for `medbookd admin create`
local compliance = require "workflows.compliance"
local events = require "workflows.events"
local explain = require "mb.explain"
local jobs = require "workflows.jobs"
local mail = require "workflows.mail"
local openapi = require "mb.openapi"
local permit = require "mb.permit"
local plugin = require "mb.plugin"
local plugin_host = require "workflows.plugin_host"
local plugin_requirements = require "validation.plugin_requirements"
local problem_codes = require "mb.problem_codes"
local problem_page = require "documentation.problem_page"
local problems = require "documentation.problems"
local provisions = require "workflows.provisions"
local requirements = require "workflows.requirements"
local router = require "mb.router"
local session = require "workflows.session"
local submissions = require "workflows.submissions"

permit.load(scripts "permissions/")
local plugins = plugin.load(plugin_host, provisions.KINDS, { requirements = plugin_requirements.read })
local codes = problem_codes.new()
codes:add(problems.everywhere, "documentation/problems.lua", true)
codes:add(problems.of_routes, "documentation/problems.lua")
for _, it in ipairs(plugins.problems) do
  codes:add(it.list, it.file)
end
codes:finish()
local routes = router.new(session.authenticate, plugins, codes)
for _, folder in ipairs { "resources/", "routes/" } do
  for _, module in ipairs(scripts(folder)) do
    routes:add_file(module)
  end
end
local compiled = routes:compiled()
mail.load(scripts "mails/")
jobs.load(scripts "jobs/", plugins.jobs, events.of(scripts "workflows/states/", scripts "resources/"))
requirements.load(require "validation.overrides")
local rules_in_force = require "validation.compliance"
compliance.load(rules_in_force)
submissions.load(rules_in_force)
explain.publish(compiled)
openapi.publish(compiled, codes)
problem_page.publish(compiled, codes)
return compiled
