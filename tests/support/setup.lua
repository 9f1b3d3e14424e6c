-- Makes the support library and its native module loadable. The helper of busted runs it; a plain
-- Lua program of the tests begins with `dofile "tests/support/setup.lua"`, from the top folder.

package.path = "tests/?.lua;" .. package.path
package.cpath = require("support.paths").native():gsub("/support/native%.so$", "/?.so") .. ";" .. package.cpath

-- What engines of lua/mb need of the server's C when a spec loads them by themselves.
package.preload["mb.text"] = function()
  return { distance = require("support.native").distance }
end

-- PostgreSQL's own programs before those of the same names by postgresql-common, which look for a cluster
-- first and so take five times as long.
local postgres <const> = require("support.paths").postgres()
if postgres then require("support.native").setenv("PATH", postgres .. ":" .. os.getenv "PATH") end
