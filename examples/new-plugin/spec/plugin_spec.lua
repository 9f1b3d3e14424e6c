-- Run by `medbookd plugin test example.plugin`: the server, this plugin and the demo clinic, in one process.
local test = require "medbookd.test"

describe("example.plugin", function()
  local function greeting()
    return test.get("/v1/plugins/example.plugin/greeting").body
  end

  it("greets as its configuration says", function()
    assert.equal("Good day", greeting().text)
  end)

  it("counts bookings", function()
    local slot = test.free_slot()
    local answer = test.post("/v1/bookings", {
      slotId = slot.id, isOnline = slot.online, guestName = "Thandi Mokoena", guestEmail = "thandi@example.org",
    })
    assert.equal(201, answer.status)
    assert.equal(1, greeting().bookings)
  end)

  it("sees nothing of other tests", function()
    assert.equal(0, greeting().bookings)
  end)
end)
