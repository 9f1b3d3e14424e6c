-- How those who have tried too many passwords are refused: one after the other, so that a client with hundreds of
-- connections keeps nobody else waiting. Over HTTP: tests/stories/account_spec.lua.

package.path = "lua/?.lua;" .. package.path

local OF_ADDRESS <const>, OF_ACCOUNT <const>, LEFT <const> = 30, 5, 800000

describe("refusals of passwords", function()
  local passwords, now, slept, counts, verified

  -- Modules of the server, as far as this one needs them; each sleep is noted, and takes no time.
  local function modules()
    return {
      ["mb.config"] = { declare = function(_, it) return tostring(it.default) end },
      ["mb.crypto"] = {
        hmac = function(_, text) return text end,
        verify_password = function() verified = verified + 1 return false end,
      },
      ["mb.password"] = {},
      ["mb.problem"] = function(status, code, _, more)
        return { status = status, code = code, retry_after = more.retry_after }
      end,
      ["mb.rate"] = {
        network = function(address) return address end,
        look = function(name, key) return counts[name .. key] or 0, LEFT end,
        give = function(name, key) counts[name .. key] = counts[name .. key] - 1 end,
        take = function(name, key, most)
          local count = counts[name .. key] or 0
          counts[name .. key] = math.min(most, count + 1)
          return count < most, count, LEFT
        end,
      },
      ["mb.time"] = { now = function() return now end, sleep = function(ms) slept[#slept + 1] = ms end },
    }
  end

  before_each(function()
    now, slept, counts, verified = 1000000, {}, {}, 0
    for name, module in pairs(modules()) do package.loaded[name] = module end
    package.loaded["workflows.passwords"] = nil
    passwords = require "workflows.passwords"
  end)

  local function try(address, email)
    return pcall(passwords.verify, { client = address }, email, "stored", "wrong")
  end

  local function admit(address, on_refusal)
    return pcall(passwords.admit, { client = address }, on_refusal)
  end

  local function use_up(address)
    for i = 1, OF_ADDRESS do assert.is_true(try(address, "one" .. i)) end
  end

  it("wait for the one before, and no longer than the longest pause", function()
    use_up "192.0.2.1"
    assert.same({}, slept)
    for _ = 1, 2000 do assert.is_false(admit "192.0.2.1") end
    assert.equal(1999, #slept)
    for i, ms in ipairs(slept) do assert.equal(math.min(5 * i, 5000), ms) end
  end)

  it("wait for nobody when they come one by one", function()
    use_up "192.0.2.1"
    for _ = 1, 20 do
      assert.is_false(admit "192.0.2.1")
      now = now + 5
    end
    assert.same({}, slept)
  end)

  it("of one account wait like those of an address", function()
    for _ = 1, OF_ACCOUNT do assert.is_true(try("192.0.2.1", "one")) end
    for _ = 1, 3 do
      local _, why = try("192.0.2.1", "one")
      assert.same({ status = 429, code = "too_many_attempts", retry_after = LEFT // 1000 }, why)
    end
    assert.same({ 5, 10 }, slept)
    assert.equal(OF_ACCOUNT, verified)
  end)

  it("come before anything is looked up where an address has had its tries, and from no other one", function()
    local told = 0
    local function on_refusal() told = told + 1 end
    use_up "192.0.2.1"
    local is_admitted, why = admit("192.0.2.1", on_refusal)
    assert.is_false(is_admitted)
    assert.equal("too_many_attempts", why.code)
    assert.equal(1, told)
    assert.is_true(admit("192.0.2.2", on_refusal))
    assert.equal(1, told)
  end)
end)
