-- Spans of time and the pauses between attempts.

package.path = "lua/?.lua;" .. package.path

local span = require "mb.span"

describe("a span", function()
  it("is read as the configuration reads it", function()
    for text, ms in pairs {
      ["500ms"] = 500, ["30s"] = 30000, ["15min"] = 900000, ["2h"] = 7200000, ["1d"] = 86400000,
    } do
      assert.equal(ms, span.ms(text), text)
    end
    for _, text in ipairs { "", "5", "s", "5 s", "-5s", "1.5h", "5m", "5S", "1h30min" } do
      assert.is_nil(span.ms(text), text)
    end
  end)

  it("since midnight is a time of day", function()
    assert.equal(0, span.time_of_day "00:00")
    assert.equal((23 * 60 + 59) * 60000, span.time_of_day "23:59")
    for _, text in ipairs { "24:00", "3:30", "03:60", "0330", "03:30Z", "" } do
      assert.is_nil(span.time_of_day(text), text)
    end
  end)
end)

describe("the pause after a failure", function()
  it("doubles up to the most, and a random half of it is taken off", function()
    local whole = 10000
    for n = 1, 200 do
      assert.equal(whole // 2, span.backoff(10000, 3600000, n, function() return 0 end))
      assert.equal(whole, span.backoff(10000, 3600000, n, function() return 1 end))
      whole = math.min(whole * 2, 3600000)
    end
  end)

  it("differs between jobs that failed together", function()
    local seen, count = {}, 0
    for _ = 1, 100 do
      local ms = span.backoff(10000, 3600000, 3, math.random)
      assert.is_true(ms >= 20000 and ms <= 40000)
      count = count + (seen[ms] and 0 or 1)
      seen[ms] = true
    end
    assert.is_true(count > 50, count)
  end)
end)
