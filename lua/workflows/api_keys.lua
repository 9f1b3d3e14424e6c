-- Keys by which programs act for whoever made them: within the permissions that a key was given, and never more than
-- its owner may at that moment.
local api_key = require "mb.api_key"
local api_keys = require "queries.api_keys"
local crypto = require "mb.crypto"
local cursor = require "mb.cursor"
local db = require "mb.db"
local faults = require "mb.faults"
local json = require "mb.json"
local own_account = require "workflows.own_account"
local permit = require "mb.permit"
local problem = require "mb.problem"
local request = require "workflows.account_request"

local OF_PEOPLE <const> = "^me%." -- an account is its owner's own business

-- Raises the 422 of names that are no permission a key may have.
local function demand_permissions(names)
  local known, errors = {}, json.array()
  for _, name in ipairs(permit.names()) do
    if not name:find(OF_PEOPLE) then
      known[name] = true
    end
  end
  for i, name in ipairs(names) do
    if not known[name] then
      errors[#errors + 1] = {
        pointer = "/permissions/" .. i - 1,
        detail = ("is no permission of a key (%s)"):format(faults.nearest(name, faults.names_of(known))),
      }
    end
  end
  if #errors > 0 then
    error(problem(422, "validation_failed", "permissions " .. errors[1].detail, { errors = errors }))
  end
end

-- The new key, shown this once.
local function create(req)
  local body = req.body
  demand_permissions(body.permissions)
  local own = own_account.prove(req, body.password)
  local key = api_key.make()
  local made = db.query(api_keys.create, request(req, {
    account = own.id, name = body.name, prefix = key:sub(1, api_key.SHOWN), tokenHash = crypto.sha256(key),
    permissions = body.permissions, expiresAt = body.expiresAt,
  }))[1]
  return {
    id = made.id, name = body.name, prefix = key:sub(1, api_key.SHOWN), permissions = body.permissions,
    createdAt = made.createdAt, expiresAt = made.expiresAt, key = key,
  }
end

local function list(req)
  local limit, after = req.query.limit, cursor.decode(req.query.cursor, "text")
  local rows = db.query(api_keys.of_user, req.user_id, limit + 1, after)
  local last = rows:keep(limit) and rows[#rows]
  return { data = rows, nextCursor = last and cursor.encode(last.id) or json.null }
end

local function revoke(req)
  if not db.query(api_keys.revoke, request(req, { key = req.params.id }))[1].isRevoked then
    error(problem(404, "not_found", "key not found"))
  end
end

return { create = create, list = list, revoke = revoke }
