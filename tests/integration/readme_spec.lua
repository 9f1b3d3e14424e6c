-- The commands of README.md work as they stand there: every shell block after a line
-- `<!-- tested -->` is run, in order and in one shell, against a demo server. Only the address is
-- replaced.

local cjson = require "cjson"
local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local ADDRESS <const> = "http://127.0.0.1:8080"

-- The tested blocks: a list of texts.
local function blocks()
  local found = {}
  for block in paths.read("README.md"):gmatch "<!%-%- tested %-%->\n+```sh\n(.-)```" do found[#found + 1] = block end
  return found
end

-- Runs the blocks in one bash; what each printed, as a list.
local function run_blocks(list, address)
  local script = { "set -eu" }
  for i, block in ipairs(list) do
    script[#script + 1] = ("printf '\\n=== %d\\n'"):format(i)
    script[#script + 1] = block:gsub(ADDRESS, address, nil)
  end
  local result = process.run({ "bash" }, { input = table.concat(script, "\n") })
  assert(result.code == 0, result.out .. result.err)
  local outputs = {}
  for text in (result.out .. "\n==="):gmatch "=== %d+\n(.-)\n%f[=]" do outputs[#outputs + 1] = text end
  return outputs
end

describe("README.md", function()
  local outputs

  setup(function()
    local site = server.start { database = cluster.fresh "demo", workers = 1 }
    outputs = run_blocks(blocks(), "http://127.0.0.1:" .. site.port)
    site:stop()
  end)

  local function json_of(i)
    local text = assert(outputs[i], "no block " .. i):match "%b{}"
    assert(text, outputs[i])
    return cjson.decode(text)
  end

  it("finds free slots", function()
    local page = json_of(1)
    assert.is_true(#page.data > 0)
    assert.is_string(page.data[1].id)
  end)

  it("books one as a guest", function()
    local booking = json_of(2)
    assert.equal(json_of(1).data[1].id, booking.slotId)
    assert.is_string(booking.manageToken)
  end)

  it("looks at the booking", function()
    assert.equal(json_of(2).id, json_of(3).id)
  end)

  it("cancels the booking", function()
    assert.equal("CANCELLED", json_of(4).status)
  end)

  it("shows nothing else", function()
    assert.equal(4, #outputs)
  end)
end)
