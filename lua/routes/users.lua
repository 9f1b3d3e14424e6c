-- What administrators do with accounts. Those who are one, and those who see one, stand in resources/users.lua.
local accounts = require "queries.accounts"
local conditional = require "mb.conditional"
local db = require "mb.db"
local permit = require "mb.permit"
local problem = require "mb.problem"
local request = require "workflows.account_request"
local users = require "queries.users"
local validation = require "validation.users"

local REFUSALS <const> = {
  not_allowed = { 403, "nobody does this with themselves, nor an ADMIN with an administrator" },
  version_mismatch = { 412, "this was changed meanwhile: look at it again" },
  last_super_admin = { 409, "nobody else administers the platform" },
}

local function named(req)
  return db.query(users.profile, req.params.id)[1]
end

-- A route that does this with the account that the path names; about(body) is what the statement is told beside it.
local function action(name, method, path, permission, summary, body, about)
  return {
    method = method, path = "/v1/users/{id}/" .. path, permission = permission, subject = named, summary = summary,
    description = name ~= "unlock" and "Its sessions end." or nil, body = body,
    headers = { conditional.HEADER }, responses = { [204] = false },
    errors = { [409] = { "last_super_admin" } },
    handler = function(req, row)
      local told = about(req.body)
      told.account, told.action, told.version = row.id, name, conditional.expected(req, row.version)
      local outcome = db.query(accounts.administer, request(req, told))[1].outcome
      local refusal = REFUSALS[outcome]
      if refusal then
        error(problem(refusal[1], outcome, refusal[2]))
      elseif outcome ~= "done" then
        permit.not_found()
      end
      return 204
    end,
  }
end

return {
  action("role", "PUT", "role", "users.give_role", "Give an account another role of the platform", validation.role,
    function(body) return { role = body.role } end),
  action("lock", "POST", "lock", "users.lock", "Lock an account: nobody signs in with it", validation.lock,
    function(body) return { reason = body.reason } end),
  action("unlock", "POST", "unlock", "users.lock", "Unlock an account", validation.none, function() return {} end),
}
