-- Permission rules: permissions/<resource>.lua returns { action = rule }, a rule is a function
-- (caller, subject) -> boolean built from the combinators here. Rules are pure: no I/O. Whoever
-- may not see a thing is told that it does not exist.
local problem = require "mb.problem"

local function everyone()
  return true
end

local function any(...)
  local rules = { ... }
  return function(caller, subject)
    for i = 1, #rules do
      if rules[i](caller, subject) then
        return true
      end
    end
    return false
  end
end

local function all(...)
  local rules = { ... }
  return function(caller, subject)
    for i = 1, #rules do
      if not rules[i](caller, subject) then
        return false
      end
    end
    return true
  end
end

-- The rule of "public" or "<resource>.<action>"; an error when there is none.
local function rule(name, where)
  if name == "public" then
    return everyone
  end
  local resource, action = name:match("^(%l[%l_]*)%.(%l[%l_]*)$")
  if not resource then
    error(("%s: permission '%s' is neither public nor <resource>.<action>"):format(where, name), 0)
  end
  local rules = require("permissions." .. resource)
  local found = type(rules) == "table" and rules[action]
  if type(found) ~= "function" then
    error(("%s: permissions/%s.lua has no rule '%s'"):format(where, resource, action), 0)
  end
  return found
end

local function not_found()
  error(problem(404, "not_found", "there is no such thing, or it is not yours to see"))
end

-- Credentials are asked for before anything is looked up, so that the answer does not tell
-- whether a thing exists.
local function identify(check, req)
  if check ~= everyone and not req.token then
    error(problem(401, "authentication_required", "send Authorization: Bearer with a token that may do this",
      { headers = { ["WWW-Authenticate"] = "Bearer" } }))
  end
end

local function demand(check, req, subject)
  if not check(req, subject) then
    not_found()
  end
end

return {
  everyone = everyone, any = any, all = all, rule = rule,
  identify = identify, demand = demand, not_found = not_found,
}
