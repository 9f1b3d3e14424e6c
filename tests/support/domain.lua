-- What specs of tests/domain share beside medbookd.test.

local paths = require "support.paths"
local test = require "medbookd.test"

local domain = {}

-- Runs several statements, which have no parameters. Raises what the first that fails says.
function domain.run(sql)
  test.query("DO $domain$ BEGIN EXECUTE $statements$" .. sql .. "$statements$; END $domain$")
end

-- What breaks an invariant of tests/invariants.sql, as rows.
function domain.faults() return test.query(paths.read "tests/invariants.sql") end

return domain
