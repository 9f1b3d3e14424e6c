-- The document of the API is good enough for programs: a client that is generated from it compiles under the
-- strictest rules without being told better, does what it is for, and takes no mistake.

local cjson = require "cjson"
local cluster = require "support.cluster"
local native = require "support.native"
local npm = require "support.npm"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local SOURCES <const> = paths.root .. "/tests/clients/typescript"
local PROGRAM <const> = "booking.ts"

-- How a program tells the compiler to believe it, each as a pattern of a line.
local BELIEFS <const> = { "[%w_%)%]]!%f[^=]", "%f[%w_]any%f[^%w_]", "%f[%w_]as%f[^%w_]", "@ts%-", "<any>" }

-- What a program may get wrong -> the line with it, and the error of the compiler; nil = it is none.
local HEAD <const> = [[
import createClient from 'openapi-fetch';
import type { paths, components } from './api.js';
const api = createClient<paths>({ baseUrl: '' });
type Body = components['schemas']['NewBookingRequest'];
const booking = await api.GET('/v1/bookings/{id}', { params: { path: { id: 'a' } } });
if (booking.error) throw new Error();
]]
local MISTAKES <const> = {
  nothing = { "console.log(booking.data.reference, booking.data.notes?.length);" },
  reads_an_unknown_field = { "console.log(booking.data.colour);", "TS2339" },
  forgets_null = { "console.log(booking.data.notes.length);", "TS18047" },
  compares_an_unknown_status = { "console.log(booking.data.status === 'LOST');", "TS2367" },
  forgets_failure = {
    "const r = await api.GET('/v1/me'); console.log(r.data.id);", "TS18048",
  },
  asks_an_unknown_path = { "await api.GET('/v1/nothing');", "TS2554" },
  sends_an_unknown_parameter = {
    "await api.GET('/v1/slots', { params: { query: { colour: 'red' } } });", "TS2353",
  },
  forgets_the_path = { "await api.GET('/v1/bookings/{id}');", "TS2554" },
  books_for_a_guest = { "export const body: Body = { slotId: 'a', guestName: 'b', guestPhone: '+27825550123' };" },
  books_for_oneself = { "export const body: Body = { slotId: 'a' };" },
  books_for_a_user = { "export const body: Body = { slotId: 'a', clientId: 'b' };" },
  books_no_slot = { "export const body: Body = { clientId: 'b' };", "TS2322" },
  books_for_a_guest_without_address = { "export const body: Body = { slotId: 'a', guestName: 'b' };", "TS2322" },
  misspells_a_field = { "export const body: Body = { slotId: 'a', guestname: 'b' };", "TS2561" },
}

describe("a client in TypeScript", function()
  local site, dir

  local function run(...)
    return process.run({ ... }, { cwd = dir, within = 120 })
  end

  local function check(...)
    local result = run(...)
    assert.equal(0, result.code, result.out .. result.err)
    return result.out
  end

  setup(function()
    site = server.start { database = cluster.fresh "demo", workers = 1 }
    dir = temp.dir()
    for _, name in ipairs { PROGRAM, "package.json", "tsconfig.json" } do
      process.check { "cp", SOURCES .. "/" .. name, dir }
    end
    process.check { "ln", "-s", npm.install(SOURCES), dir .. "/node_modules" }
    paths.write(dir .. "/openapi.json", site:get("/openapi.json").body)
    check("node_modules/.bin/openapi-typescript", "openapi.json", "-o", "api.ts")
  end)

  it("finds a slot, books it, reads the booking and cancels it", function()
    check("node_modules/.bin/tsc", "-p", ".")
    local seen = cjson.decode(check("node", "built/booking.js", "http://127.0.0.1:" .. site.port))
    local rows = site.options.database.query(([[
      SELECT b."status", b."version", b."slotId", p."name" AS provider, l."name" AS place
        FROM "Booking" b JOIN "Provider" p ON p."id" = b."providerId" LEFT JOIN "Location" l ON l."id" = b."locationId"
       WHERE b."reference" = '%s']]):format(seen.reference))
    assert.equal(1, #rows)
    assert.same({ "CANCELLED", seen.version, rows[1].provider, rows[1].place },
      { rows[1].status, math.tointeger(tonumber(rows[1].version)), seen.provider, seen.place })
    assert.same({ "slot_taken", "CANCELLED", true, true }, { seen.refusal, seen["end"], seen.isSame, seen.freed })
    assert.is_true(#seen.types > 0)
  end)

  it("needs no word to the compiler that it knows better", function()
    local said = {}
    for line in paths.read(SOURCES .. "/" .. PROGRAM):gmatch "[^\n]+" do
      local code = line:gsub("//.*", "")
      for _, pattern in ipairs(BELIEFS) do said[#said + 1] = code:match(pattern) and line end
    end
    assert.same({}, said)
  end)

  it("that makes a mistake is refused by the compiler, and one that makes none is not", function()
    local wrong = {}
    assert(native.mkdir(dir .. "/mistakes"))
    process.check { "cp", dir .. "/api.ts", dir .. "/package.json", dir .. "/tsconfig.json", dir .. "/mistakes" }
    for name, case in pairs(MISTAKES) do
      paths.write(("%s/mistakes/%s.ts"):format(dir, name), HEAD .. case[1] .. "\n")
      wrong[name] = case[2]
    end
    local found = {}
    for line in run("node_modules/.bin/tsc", "-p", "mistakes").out:gmatch "[^\n]+" do
      local name, code = line:match "^mistakes/([%w_]+)%.ts%(7,%d+%): error (TS%d+):"
      if name then
        found[name] = code
      elseif not line:find "^%s" then
        found[line] = "unexpected"
      end
    end
    assert.same(wrong, found)
  end)
end)
