-- Who may see a booking, by rows: the rules of bookings as they come with the server. Every kind of rule, and files of
-- rules that do not load: integration/permissions_spec.lua.

local domain = require "support.domain"
local paths = require "support.paths"
local test = require "medbookd.test"

describe("permissions on bookings", function()
  setup(function()
    domain.run(paths.read "tests/fixtures/one_of_each.sql")
    domain.run(paths.read "tests/fixtures/people.sql")
  end)

  local function status_of(id, who) return test.get("/v1/bookings/" .. id, { token = who }).status end

  for who, status in pairs { patient = 200, doctor = 200, user = 200, clerk = 200, admin = 200, stranger = 404,
                             staff = 404, foreign = 404, doctor2 = 404, suspended = 404, elsewhere = 404 } do
    it(("answer %d to %s who looks at one"):format(status, who), function()
      assert.equal(status, status_of("booking", who))
    end)
  end

  it("stay with the organization when it is cancelled", function()
    local made = test.post("/v1/bookings", { slotId = "1030", guestName = "A", guestEmail = "a@example.org" }).body
    local cancelled = test.post("/v1/bookings/" .. made.id .. "/cancel", nil, { token = made.manageToken })
    assert.equal(200, cancelled.status, cancelled.text)
    assert.equal(200, status_of(made.id, "clerk"))
    assert.equal(404, status_of(made.id, "foreign"))
  end)
end)
