-- Entity tags of versioned rows and the If-Match that guards a change (RFC 9110 section 13.1.1).
local problem = require "mb.problem"

local function etag(version)
  return ('"%d"'):format(version)
end

-- The version that If-Match demands; nil without the header or for `*`.
local function expected(req)
  local header = req:header("if-match")
  if not header or header == "*" then
    return
  end
  local version = header:match('^"(%d+)"$')
  version = version and #version <= 9 and math.tointeger(tonumber(version))
  if not version then
    error(problem(400, "invalid_if_match", 'If-Match takes one entity tag such as "3"'))
  end
  return version
end

return { etag = etag, expected = expected }
