-- The one script that the server runs itself: loads the engines and every file of routes/, and
-- returns the compiled routes. `scripts(prefix)` lists the modules of a folder.
local scripts = ...

require "mb.problem"
require "mb.json"
local router = require "mb.router"

local routes = router.new(require("workflows.session").authenticate)
for _, module in ipairs(scripts("routes/")) do
  routes:add(module, require(module))
end
return routes:compiled()
