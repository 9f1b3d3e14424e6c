-- What specs of tests/domain share beside medbookd.test.

local paths = require "support.paths"
local test = require "medbookd.test"

local domain = {}

-- Runs a file of statements of which none has a parameter. Raises what the first that fails says.
function domain.run_file(path)
  test.query("DO $domain$ BEGIN EXECUTE $file$" .. paths.read(path) .. "$file$; END $domain$")
end

-- What breaks an invariant of tests/invariants.sql, as rows.
function domain.faults() return test.query(paths.read "tests/invariants.sql") end

return domain
