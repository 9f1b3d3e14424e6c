-- Entity tags of versioned rows and the If-Match that guards a change (RFC 9110 section 13.1.1).
-- If-None-Match needs nothing here: whatever a GET answers with an ETag, the server compares.
local problem = require "mb.problem"

-- For `headers` of a route.
local HEADER <const> = {
  name = "If-Match",
  description = 'entity tags such as "3": refuses with 412 what somebody else has changed since', example = '"3"',
  errors = { [400] = { "invalid_if_match" }, [412] = { "version_mismatch" } },
}

-- The same of a route that changes nothing without it.
local DEMANDED <const> = {
  name = "If-Match", example = '"3"', required = true,
  description = 'the ETag of what is to be changed, such as "3": if somebody else changed it meanwhile the answer is '
    .. "412; * for any version",
  errors = {
    [400] = HEADER.errors[400], [412] = HEADER.errors[412], [428] = { "if_match_required" },
  },
}

-- For `sends` of a route.
local ETAG <const> = { name = "ETag", description = "the version of what is answered", example = '"3"' }

local function etag(version)
  return ('"%d"'):format(version)
end

-- No row has it: what If-Match demands when none of its tags can match.
local NO_VERSION <const> = -1

local function bad()
  error(problem(400, "invalid_if_match", 'If-Match takes entity tags such as "3"'))
end

-- The server names the compressed form of an answer "3-gzip"; it is a form of the same row.
local function version_of(tag)
  local digits = tag:match "^([1-9]%d*)$" or tag:match "^([1-9]%d*)%-gzip$"
  return digits and #digits <= 9 and math.tointeger(tonumber(digits))
end

-- The next tag of a list: W/ or "", its opaque text, and what stands behind. Empty elements are none.
local function next_tag(list)
  local weak, tag, behind = list:match '^[ \t,]*(W?/?)"([^"%c ]*)"[ \t]*(.*)$'
  if not tag or weak ~= "" and weak ~= "W/" or behind ~= "" and behind:sub(1, 1) ~= "," then
    bad()
  end
  return weak, tag, behind
end

-- The version that If-Match demands of a row that is at `current`; nil without the header or for
-- `*`. A weak tag and a tag of another make match nothing; any tag of a list may match.
local function expected(req, current)
  local rest = req:header("if-match")
  if not rest or rest == "*" then
    return
  end
  local version = NO_VERSION
  repeat
    local weak, tag, behind = next_tag(rest)
    local found = weak == "" and version_of(tag)
    if found and version ~= current then
      version = found
    end
    rest = behind
  until not rest:find "[^ \t,]"
  return version
end

-- As expected, of a route that demands the header: 428 without it, 412 when it is of another version.
local function demand(req, current)
  if not req:header "if-match" then
    error(problem(428, "if_match_required", "send If-Match with the ETag of what you change"))
  end
  local version = expected(req, current)
  if version and version ~= current then
    error(problem(412, "version_mismatch", "this was changed meanwhile: look at it again"))
  end
end

return { HEADER = HEADER, DEMANDED = DEMANDED, ETAG = ETAG, etag = etag, expected = expected, demand = demand }
