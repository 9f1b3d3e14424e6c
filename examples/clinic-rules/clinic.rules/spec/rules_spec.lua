-- medbookd plugin test clinic.rules
local test = require "medbookd.test"

describe("clinic.rules", function()
  local path

  setup(function()
    local id = test.query([[SELECT "id" FROM "ProviderType" WHERE "name" = $1]], "General Practitioner")[1].id
    path = "/v1/provider-types/" .. id .. "/requirements"
  end)

  local function judged(value)
    for _, it in ipairs(test.get(path).body.data) do
      if it.key == "hpcsa-number" then
        return test.post(path .. "/check", { answers = { { requirementId = it.id, value = value } } }).text
      end
    end
  end

  it("refuses numbers of other provinces", function()
    assert.matches("must be MP, 0 or 1, and five digits", judged "MP912345", 1, true)
  end)

  it("takes those of its own", function()
    assert.is_nil(judged("MP012345"):find("must be MP, 0 or 1", 1, true))
  end)
end)
