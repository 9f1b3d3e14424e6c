-- The Idempotency-Key header: what a POST needs to be repeated without a second effect.
local canonical = require "mb.canonical"
local crypto = require "mb.crypto"
local problem = require "mb.problem"

-- For `headers` of a route.
local HEADER <const> = {
  name = "Idempotency-Key",
  description = "1 to 255 printable characters that name this request: sent again with the same body it gives the "
    .. "same answer and has no second effect, for 24 hours; with another body it is refused. Make it random, as a "
    .. "UUID: callers without an account share one scope, so whoever guesses a key is answered in its place",
  example = "3b1f0c9e-5f0a-4a5e-9d7c-2f6f6a3c8b11",
  errors = {
    [400] = { "invalid_idempotency_key" }, [409] = { "request_in_progress" }, [422] = { "idempotency_mismatch" },
  },
}

-- key, hash of the body; nothing without the header. Keys are 1 to 255 printable characters.
local function of(req, body)
  local key = req:header("idempotency-key")
  if not key then
    return
  end
  if #key < 1 or #key > 255 or key:find("[^\x21-\x7e]") then
    error(problem(400, "invalid_idempotency_key", "Idempotency-Key takes 1 to 255 printable characters without spaces"))
  end
  return key, crypto.sha256(canonical(body))
end

return { HEADER = HEADER, of = of }
