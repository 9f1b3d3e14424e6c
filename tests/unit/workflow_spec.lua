-- Workflows as they are written: what is refused, with which words, and which transition counts. How one
-- is run stands in tests/fixtures/engines/facts.lua, with rows in domain/booking_workflow_spec.lua.

package.path = "lua/?.lua;" .. package.path

local rule = require "mb.rule"
local vocabulary = require "mb.vocabulary"
local workflow = require "mb.workflow"

local may <const> = rule.writer(vocabulary.new {
  platform_roles = { "USER" }, organization_permissions = { "X" },
  organization_roles = { { name = "STAFF", permissions = {} } },
})
local doors <const> = may.rules("doors", { owner = "owner" }, { use = may.owner, lock = may.signed_in })
local walls <const> = may.rules("walls", { owner = "owner" }, { use = may.owner })
local on <const> = workflow.on
local any <const> = workflow.any_time

-- What `f` is refused with, lines counted from `f`.
local function refusal(f)
  local first = debug.getinfo(f, "S").linedefined
  local ok, text = pcall(f)
  assert.is_false(ok, "it was accepted")
  return (text:gsub("[%w_/.]*workflow_spec%.lua:(%d+)", function(line) return line - first end))
end

-- A door with these changes.
local function door(changes)
  local spec = {
    resource = "doors", enum = "DoorStatus", states = { "OPEN", "SHUT", "LOCKED" }, initial = { "OPEN" },
    final = { "LOCKED" }, guards = { notice = "string" }, effects = { event = "string" },
    transitions = {
      on.shut { from = "OPEN", to = "SHUT", who = doors.use, when = any },
      on.open { from = "SHUT", to = "OPEN", who = doors.use, when = any },
      on.lock { from = { "OPEN", "SHUT" }, to = "LOCKED", who = doors.lock, when = any },
    },
  }
  for key, value in pairs(changes) do spec[key] = value end
  local made = workflow.new(spec)
  return made
end

-- The faults of a door with these changes, without their places.
local function faults_of(changes)
  return (refusal(function() door(changes) end):gsub("%f[^\n\0]%-?%d+: ", ""))
end

describe("a step that the server takes", function()
  local rules = { name = "doors.use", node = {} }

  it("is offered to no caller, and found by the server", function()
    local made = workflow.new {
      resource = "doors", enum = "DoorStatus", states = { "OPEN", "SHUT" }, initial = { "OPEN" }, final = { "SHUT" },
      transitions = {
        on.shut { from = "OPEN", to = "SHUT", who = rules, when = any },
        on.fall { from = "OPEN", to = "SHUT", who = workflow.server, when = any },
      },
    }
    local function everybody() return true end
    assert.same({ "shut" }, made:allowed("OPEN", everybody))
    assert.is_nil(made:pick("fall", "OPEN", everybody))
    assert.equal("fall", made:own("fall").action)
    assert.has_error(function() made:own "shut" end, "the server takes no step 'shut'")
  end)
end)

describe("a workflow", function()
  it("tells every fault of its transitions at once, with line and what to do", function()
    local text = refusal(function()
      local made = workflow.new {
        resource = "doors", enum = "DoorStatus", states = { "OPEN", "SHUT", "LOCKED" }, initial = { "OPEN" },
        final = { "LOCKED" }, guards = { notice = "string" },
        transitions = {
          on.shut { from = "OPNE", to = "SHUT", who = doors.use, when = any },
          on.shut { from = "OPEN", to = "SHUTT", who = doors.use, when = any },
          on.open { from = "SHUT", to = "OPEN", when = any },
          on.open { from = "LOCKED", to = "OPEN", who = doors.use, when = any },
          on.lock { from = "SHUT", to = "LOCKED", who = walls.use, when = any },
          on.lock { from = "SHUT", to = "LOCKED", who = "owner", when = any },
          on.keep { from = "OPEN", to = "OPEN", who = doors.use, when = any },
          on.bolt { form = "OPEN", to = "LOCKED", who = doors.use, when = any },
          on.swing { from = "OPEN", who = doors.use, when = any },
          on.slam {from="OPEN", to="SHUT", who=doors.use, when=any, guards={notise="1h"}, effects={event="x"}},
          on.ease { from = "OPEN", to = "SHUT", who = doors.use, guards = { notice = 7 }, when = any },
          on.push { from = "OPEN", to = "SHUT", who = doors.use, when = any },
          on.push { from = { "SHUT", "OPEN" }, to = "LOCKED", who = doors.use, when = any },
          on.Push { from = "OPEN", to = "SHUT", who = doors.use, when = any },
        },
      }
      return made
    end)
    assert.equal(table.concat({
      "5: shut: it leaves OPNE, which is no state (did you mean 'OPEN'?)",
      "6: shut: it leads to SHUTT, which is no state (did you mean 'SHUT'?)",
      "7: open: nobody may: `who` is missing (write who = rules.<action>, of permissions/doors.lua)",
      "8: open: it leaves LOCKED, which is final (take it out of `final`, or out of `from`)",
      "9: lock: `who` is walls.use, a rule about other rows (write who = rules.<action>, of permissions/doors.lua)",
      "10: lock: `who` is a string, not a permission rule (write who = rules.<action>, of permissions/doors.lua)",
      "11: keep: it leads from OPEN to itself",
      "12: bolt: unknown key 'form' of a transition (did you mean 'from'?)",
      "12: bolt: `from` is missing (the state or the list of states that this leaves)",
      "13: swing: `to` is missing (the state that this leads to)",
      "14: slam: `guards` names 'notise', which the workflow does not know (did you mean 'notice'?)",
      "14: slam: `effects` names 'event', which the workflow does not know (it knows none)",
      "15: ease: guards.notice is a string, not a number",
      "17: push: it is the same as the one at 16: push from OPEN (the first one always wins)",
      "18: Push: this is no name of an action (names are of small letters and _)",
    }, "\n"), text)
  end)

  it("has no state that nothing leads to, or out of, unless it says so", function()
    assert.equal("nothing leads to the state AJAR (add a transition, or name it in `initial`)",
      faults_of { states = { "OPEN", "SHUT", "LOCKED", "AJAR" } })
    assert.equal("nothing leads out of the state LOCKED (add a transition, or name it in `final`)",
      faults_of { final = {} })
    assert.equal("nothing leads to the state SHUT (add a transition, or name it in `initial`)", faults_of {
      transitions = {
        on.open { from = "SHUT", to = "OPEN", who = doors.use, when = any },
        on.lock { from = "OPEN", to = "LOCKED", who = doors.use, when = any },
      },
    })
  end)

  it("says which states there are", function()
    for fault, changes in pairs {
      ["`initial` names no state, so nothing can begin"] = { initial = {} },
      ["`initial` names AJAR, which is no state (there are OPEN, SHUT, LOCKED)"] = { initial = { "AJAR", "OPEN" } },
      ["`final` names LOCKT, which is no state (did you mean 'LOCKED'?)"] = { final = { "LOCKED", "LOCKT" } },
      ["the state OPEN is named twice"] = { states = { "OPEN", "OPEN", "SHUT", "LOCKED" } },
      ["states[4] is no name of a state (names are of capitals and _)"] =
        { states = { "OPEN", "SHUT", "LOCKED", "ajar" } },
      ["transitions[4] is no transition (they are written on.confirm { from = …, to = …, who = …, when = … })"] =
        { transitions = { on.shut { from = "OPEN", to = "SHUT", who = doors.use, when = any },
          on.open { from = "SHUT", to = "OPEN", who = doors.use, when = any },
          on.lock { from = "SHUT", to = "LOCKED", who = doors.use, when = any }, on.shut } },
    } do
      assert.matches(fault, faults_of(changes), 1, true)
    end
  end)

  it("has steps that lead to one of several states, each of which there is", function()
    local function with(to)
      return {
        final = {}, states = { "OPEN", "SHUT", "LOCKED", "AJAR" },
        transitions = {
          on.shut { from = { "OPEN", "AJAR" }, to = "SHUT", who = doors.use, when = any },
          on.lock { from = "SHUT", to = "LOCKED", who = doors.use, when = any },
          on.free { from = "LOCKED", to = to, who = doors.lock, when = any },
        },
      }
    end
    local made = door(with { "OPEN", "AJAR" })
    assert.same({ "OPEN", "AJAR" }, made.by_action.free[1].ends)
    assert.is_nil(made.by_action.free[1].to)
    assert.same({ "SHUT", { "SHUT" } }, { made.by_action.shut[1].to, made.by_action.shut[1].ends })
    assert.equal("free: it leads from LOCKED to itself", faults_of(with { "OPEN", "AJAR", "LOCKED" }))
    local text = faults_of(with { "OPEN", "AJARR" })
    assert.matches("free: it leads to AJARR, which is no state (did you mean 'AJAR'?)", text, 1, true)
    assert.matches("nothing leads to the state AJAR (", text, 1, true)
    assert.matches("free: `to` is missing", faults_of(with {}), 1, true)
  end)

  it("names the events that are told of it, those of no step too", function()
    local made = door { tells = "door", begins = "made", also = { "painted" }, transitions = {
      on.shut { from = "OPEN", to = "SHUT", who = doors.use, when = any, effects = { event = "shut" } },
      on.lock { from = "SHUT", to = "LOCKED", who = doors.use, when = any },
    } }
    assert.same({ "door.made", "door.painted", "door.shut" }, made:events())
    assert.equal("also[2] is no name of an event (names are of small letters and _)",
      faults_of { tells = "door", also = { "painted", "Painted" } })
    assert.equal("`also` names events, but nobody is told of any (name `tells`)", faults_of { also = { "painted" } })
  end)

  it("says of every step when it may be taken", function()
    local function fault_of(when)
      return faults_of {
        times = { "knockedAt" },
        transitions = {
          on.shut { from = "OPEN", to = "SHUT", who = doors.use, when = when },
          on.lock { from = { "OPEN", "SHUT" }, to = "LOCKED", who = doors.use, when = any },
        },
      }
    end
    local missing = 'shut: `when` is missing (write when = { closes = "startTime" }, or when = workflow.any_time)'
    assert.equal(missing, fault_of(nil))
    assert.equal(missing, fault_of {})
    assert.equal("shut: when.close is no part of `when` (did you mean 'closes'?)", fault_of { close = "knockedAt" })
    assert.equal("shut: when.opens names knockdAt, which is none of the workflow's `times` (did you mean 'knockedAt'?)",
      fault_of { opens = "knockdAt" })
    local write = ' (write { "startTime", before = "<key of a duration>" }, or after)'
    assert.equal("shut: when.closes says 'minus'" .. write, fault_of { closes = { "knockedAt", minus = "a.key" } })
    assert.equal("shut: when.closes says 'after'" .. write, fault_of { closes = { "knockedAt", after = 7 } })
    assert.equal("shut: when.closes is before and after at once",
      fault_of { closes = { "knockedAt", after = "a.key", before = "a.key" } })
    local made = door {
      times = { "knockedAt" },
      transitions = {
        on.shut { from = "OPEN", to = "SHUT", who = doors.use,
          when = { opens = "knockedAt", closes = { "knockedAt", after = "a.key" } } },
        on.lock { from = { "OPEN", "SHUT" }, to = "LOCKED", who = doors.use, when = any },
      },
    }
    assert.same({ { "knockedAt" }, { "knockedAt", after = "a.key" } }, { made.transitions[1].opens,
      made.transitions[1].closes })
    assert.is_nil(made.transitions[2].closes)
  end)

  it("has all of its parts and no others", function()
    local text = refusal(function()
      local made = workflow.new { resource = "doors", states = "OPEN", finals = {} }
      return made
    end)
    for _, part in ipairs { "unknown key 'finals' of a workflow (did you mean 'final'?)",
                            "`states` of a workflow is a table, not a string", "a workflow needs `enum`",
                            "a workflow needs `initial`", "a workflow needs `transitions`" } do
      assert.matches(part, text, 1, true)
    end
    assert.matches("on.confirm { … }", refusal(function() on.x = 1 end), 1, true)
  end)

  describe("that loads", function()
    local machine = door {
      transitions = {
        on.shut { from = "OPEN", to = "SHUT", who = doors.use, effects = { event = "a" }, when = any },
        on.shut { from = "OPEN", to = "SHUT", who = doors.lock, effects = { event = "b" }, when = any },
        on.open { from = "SHUT", to = "OPEN", who = doors.use, when = any },
        on.lock { from = { "OPEN", "SHUT" }, to = "LOCKED", who = doors.lock, when = any },
      },
    }
    local function nobody() return false end
    local function everybody() return true end
    local function guard(who) return who == doors.lock end

    it("takes the first transition that lets the caller in", function()
      assert.equal("a", machine:pick("shut", "OPEN", everybody).effects.event)
      assert.equal("b", machine:pick("shut", "OPEN", guard).effects.event)
      assert.is_nil(machine:pick("shut", "OPEN", nobody))
    end)

    it("takes one of another status when none leaves this one, for the statement to refuse", function()
      assert.equal("a", machine:pick("shut", "LOCKED", everybody).effects.event)
      assert.is_nil(machine:pick("shut", "LOCKED", nobody))
    end)

    it("knows what is possible from each status, for whom", function()
      assert.same({ "shut", "lock" }, machine:allowed("OPEN", everybody))
      assert.same({ "open", "lock" }, machine:allowed("SHUT", everybody))
      assert.same({ "lock" }, machine:allowed("SHUT", guard))
      assert.same({}, machine:allowed("LOCKED", everybody))
      assert.same({}, machine:allowed("OPEN", nobody))
    end)
  end)
end)
