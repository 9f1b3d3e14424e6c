-- Mails that scripts send by name are those that there are.

local paths = require "support.paths"
local tree = require "support.tree"

local PATTERN <const> = "mail%.send%s*%(?%s*[\"']([^\"']+)[\"']"

describe("the mails that scripts send", function()
  it("each have a file in lua/mails", function()
    tree.expect_none(tree.violations(tree.files("lua", ".lua"), function(line)
      local kind = line:match(PATTERN)
      local file = kind and ("lua/mails/%s.lua"):format(kind:gsub("-", "_"))
      if file and not pcall(paths.read, file) then return file .. ": there is no such file" end
    end))
  end)

  it("are found as they are written", function()
    assert.equal("verify-email", ('  mail.send("verify-email", { id = id })'):match(PATTERN))
    assert.equal("verify-email", ("mail.send 'verify-email'"):match(PATTERN))
  end)
end)
