-- State machines as data. A workflow is
--
--   local workflow = require "mb.workflow"
--   local on = workflow.on
--   return workflow.new {
--     resource = "bookings",                       -- whose rules of permissions/ say who may
--     enum = "BookingStatus",                      -- the database's type of the status
--     states = { "PENDING", "CONFIRMED", … }, initial = { "PENDING" }, final = { "CANCELLED" },
--     times = { "startTime", "endTime" },          -- columns that `when` may name
--     guards = { paid = "boolean" }, effects = { event = "string" },   -- what transitions may say
--     tells = "booking", begins = "created",       -- the outbox tells "booking.<event>" of each effect `event`, and
--                                                  -- "booking.created" when there is a new one
--     also = { "changed" },                        -- and these, which are no steps
--     transitions = {
--       on.confirm { from = "PENDING", to = "CONFIRMED", who = rules.confirm, when = { closes = "startTime" },
--                    guards = { … }, effects = { event = "confirmed" } }, …
--     },
--   }
--
-- `who` is a permission rule, or workflow.server for a step that the server takes by itself (a job): no
-- caller may. `to` may be a list: the statement finds by the row which of these states it leads to. `when` tells the
-- time at which it may be taken: { opens = point, closes = point }, one of them or both, where a point is a column,
-- "startTime", or { "startTime", before = "booking.cancel_until" }, { "endTime", after = … } with the configuration key
-- of a duration; or workflow.any_time. Guards and effects are values for the statement that makes the change, by names
-- that the workflow declares: that statement judges the time and the guards, and writes, under its lock. An action may
-- have several transitions: the first one counts that leaves the row's status and whose `who` lets the caller in.
-- Everything is checked when scripts load; mb.transition runs it.
local faults = require "mb.faults"

local KEYS <const> = {
  resource = "string", enum = "string", states = "table", initial = "table", final = "table", transitions = "table",
  times = "table", guards = "table", effects = "table", tells = "string", begins = "string", also = "table",
}
local REQUIRED <const> = { "resource", "enum", "states", "initial", "final", "transitions" }
local TRANSITION_KEYS <const> = { from = true, to = true, who = true, when = true, guards = true, effects = true }

-- ---- writing ----

local transition = {}

-- on.action { … }: a transition that knows where it stands.
function transition.__call(self, spec)
  return setmetatable({ action = self.action, at = self.at, spec = spec }, transition)
end

local on = setmetatable({}, {
  __index = function(_, action) return setmetatable({ action = action, at = faults.here(2) }, transition) end,
  __newindex = function() error("`on` takes names of actions only: on.confirm { … }", 2) end,
})

local function is_transition(value)
  return type(value) == "table" and getmetatable(value) == transition and type(value.spec) == "table"
end

-- ---- checking ----

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

local function check_states(spec, note)
  local known = {}
  for i, state in ipairs(spec.states) do
    if type(state) ~= "string" or not state:find "^%u[%u%d_]*$" then
      note(("states[%d] is no name of a state"):format(i), "names are of capitals and _")
    elseif known[state] then
      note(("the state %s is named twice"):format(state))
    else
      known[state] = true
    end
  end
  for _, key in ipairs { "initial", "final" } do
    for _, state in ipairs(spec[key]) do
      if not known[state] then
        note(("`%s` names %s, which is no state"):format(key, tostring(state)), faults.nearest(state, spec.states))
      end
    end
  end
  if #spec.initial == 0 then
    note("`initial` names no state, so nothing can begin")
  end
  return known
end

-- Guards or effects of a transition against what the workflow declares.
local function check_values(kind, values, declared, note)
  for _, name in ipairs(faults.names_of(values)) do
    local wanted = declared[name]
    if not wanted then
      local names = faults.names_of(declared)
      note(("`%s` names '%s', which the workflow does not know"):format(kind, name),
        #names > 0 and faults.nearest(name, names) or "it knows none")
    elseif type(values[name]) ~= wanted then
      note(("%s.%s is a %s, not a %s"):format(kind, name, wanted, type(values[name])))
    end
  end
end

-- Who takes a step that no caller may.
local SERVER <const> = { name = "the server" }

local function check_who(who, resource, note)
  if who == SERVER then
    return
  end
  local hint = ("write who = rules.<action>, of permissions/%s.lua"):format(resource)
  if who == nil then
    note("nobody may: `who` is missing", hint)
  elseif type(who) ~= "table" or not rawget(who, "node") then
    note(("`who` is a %s, not a permission rule"):format(type(who)), hint)
  elseif who.name:match "^[^.]*" ~= resource then
    note(("`who` is %s, a rule about other rows"):format(who.name), hint)
  end
end

-- When a step may be taken that no clock holds up.
local ANY_TIME <const> = {}

-- Why this is no point in time, and a hint; nil when it is one.
local function wrong_point(point, times)
  local it = type(point) == "table" and point or { point }
  local is_known = false
  for _, column in ipairs(times) do
    is_known = is_known or column == it[1]
  end
  if not is_known then
    return ("names %s, which is none of the workflow's `times`"):format(tostring(it[1])),
      #times > 0 and faults.nearest(tostring(it[1]), times) or "it has none"
  end
  for key, value in pairs(it) do
    if key ~= 1 and (key ~= "before" and key ~= "after" or type(value) ~= "string") then
      return ("says '%s'"):format(tostring(key)), 'write { "startTime", before = "<key of a duration>" }, or after'
    end
  end
  if it.before and it.after then
    return "is before and after at once"
  end
end

local function check_when(when, times, note)
  if when == ANY_TIME then
    return
  elseif type(when) ~= "table" or not next(when) then
    return note("`when` is missing", "write when = { closes = \"startTime\" }, or when = workflow.any_time")
  end
  for _, key in ipairs(faults.names_of(when)) do
    local why, hint = "is no part of `when`", faults.nearest(key, { "opens", "closes" })
    if key == "opens" or key == "closes" then
      why, hint = wrong_point(when[key], times)
    end
    if why then
      note(("when.%s %s"):format(key, why), hint)
    end
  end
end

-- { column, before = key, after = key } of a point; nil for none.
local function point_of(point)
  return type(point) == "string" and { point } or point
end

-- The states that `from` or `to` names.
local function list_of(it)
  return type(it) == "table" and it or { it }
end

local function check_ends(it, states, known, final, note)
  local from, to = list_of(it.spec.from), list_of(it.spec.to)
  local is_end = set_of(to)
  if #from == 0 then
    note("`from` is missing", "the state or the list of states that this leaves")
  end
  for _, state in ipairs(from) do
    if not known[state] then
      note(("it leaves %s, which is no state"):format(tostring(state)), faults.nearest(state, states))
    elseif final[state] then
      note(("it leaves %s, which is final"):format(state), "take it out of `final`, or out of `from`")
    elseif is_end[state] then
      note(("it leads from %s to itself"):format(state))
    end
  end
  if #to == 0 then
    note("`to` is missing", "the state that this leads to")
  end
  for _, state in ipairs(to) do
    if not known[state] then
      note(("it leads to %s, which is no state"):format(tostring(state)), faults.nearest(state, states))
    end
  end
end

-- What nobody can ever take: the same action from the same state, decided by the same rule before.
local function check_duplicates(it, seen, note)
  for _, state in ipairs(list_of(it.spec.from)) do
    local key = ("%s %s %s"):format(it.action, state, it.spec.who and it.spec.who.name)
    if seen[key] then
      note(("it is the same as the one at %s: %s from %s"):format(seen[key], it.action, tostring(state)),
        "the first one always wins")
    end
    seen[key] = seen[key] or it.at
  end
end

local function check_transition(it, spec, context)
  local function note(text, hint)
    context.found:add(it.at, ("%s: %s"):format(it.action, text), hint)
  end
  if not it.action:find "^%l[%l_]*$" then
    note("this is no name of an action", "names are of small letters and _")
  end
  for _, key in ipairs(faults.names_of(it.spec)) do
    if not TRANSITION_KEYS[key] then
      note(("unknown key '%s' of a transition"):format(key), faults.nearest(key, faults.names_of(TRANSITION_KEYS)))
    end
  end
  check_ends(it, spec.states, context.known, context.final, note)
  check_who(it.spec.who, spec.resource, note)
  check_when(it.spec.when, spec.times or {}, note)
  check_values("guards", it.spec.guards or {}, spec.guards or {}, note)
  check_values("effects", it.spec.effects or {}, spec.effects or {}, note)
  check_duplicates(it, context.seen, note)
end

-- States that no path reaches, and those that no transition leaves though they are not final.
local function check_paths(spec, final, note)
  local reached, leaves = set_of(spec.initial), {}
  repeat
    local grew = false
    for _, it in ipairs(spec.transitions) do
      for _, state in ipairs(is_transition(it) and list_of(it.spec.from) or {}) do
        leaves[state] = true
        for _, to in ipairs(reached[state] and list_of(it.spec.to) or {}) do
          grew = grew or not reached[to]
          reached[to] = true
        end
      end
    end
  until not grew
  for _, state in ipairs(spec.states) do
    if not reached[state] then
      note(("nothing leads to the state %s"):format(tostring(state)), "add a transition, or name it in `initial`")
    elseif not leaves[state] and not final[state] then
      note(("nothing leads out of the state %s"):format(tostring(state)), "add a transition, or name it in `final`")
    end
  end
end

local function check_keys(spec, note)
  local is_whole = true
  for _, key in ipairs(faults.names_of(spec)) do
    if not KEYS[key] then
      note(("unknown key '%s' of a workflow"):format(key), faults.nearest(key, faults.names_of(KEYS)))
    elseif type(spec[key]) ~= KEYS[key] then
      is_whole = false
      note(("`%s` of a workflow is a %s, not a %s"):format(key, KEYS[key], type(spec[key])))
    end
  end
  for _, key in ipairs(REQUIRED) do
    if spec[key] == nil then
      is_whole = false
      note(("a workflow needs `%s`"):format(key))
    end
  end
  return is_whole
end

local function check_also(spec, note)
  for i, event in ipairs(spec.also or {}) do
    if type(event) ~= "string" or not event:find "^%l[%l_]*$" then
      note(("also[%d] is no name of an event"):format(i), "names are of small letters and _")
    end
  end
  if spec.also and not spec.tells then
    note("`also` names events, but nobody is told of any", "name `tells`")
  end
end

local function check(spec, at)
  local found = faults.new()
  local function note(text, hint)
    found:add(at, text, hint)
  end
  if not check_keys(spec, note) then
    return found:raise()
  end
  local context = { found = found, known = check_states(spec, note), final = set_of(spec.final), seen = {} }
  for i, it in ipairs(spec.transitions) do
    if is_transition(it) then
      check_transition(it, spec, context)
    else
      note(("transitions[%d] is no transition"):format(i),
        "they are written on.confirm { from = …, to = …, who = …, when = … }")
    end
  end
  check_paths(spec, context.final, note)
  check_also(spec, note)
  found:raise()
end

-- ---- asking ----

local machine = {}
machine.__index = machine

-- The transition that counts for an action in a status, for a caller of whom `allows(who)` tells what
-- rules let them in. When none leaves that status, one that the caller might take from another; nil when
-- this is not for the caller at all.
function machine:pick(action, status, allows)
  local other
  for _, it in ipairs(self.by_action[action]) do
    if it.who ~= SERVER and (it.leaves[status] or not other) and allows(it.who) then
      if it.leaves[status] then
        return it
      end
      other = it
    end
  end
  return other
end

-- The actions that such a caller may take in a status, in the order of the file.
function machine:allowed(status, allows)
  local actions, known = {}, {}
  for _, it in ipairs(self.transitions) do
    if it.who ~= SERVER and it.leaves[status] and not known[it.action] and allows(it.who) then
      known[it.action] = true
      actions[#actions + 1] = it.action
    end
  end
  return actions
end

-- The events that the outbox tells of it.
function machine:events()
  local list = {}
  if self.tells then
    list[1] = self.begins and ("%s.%s"):format(self.tells, self.begins)
    for _, event in ipairs(self.also) do
      list[#list + 1] = ("%s.%s"):format(self.tells, event)
    end
    for _, it in ipairs(self.transitions) do
      list[#list + 1] = it.effects.event and ("%s.%s"):format(self.tells, it.effects.event)
    end
  end
  return list
end

-- The server's own transition of this action.
function machine:own(action)
  for _, it in ipairs(self.by_action[action]) do
    if it.who == SERVER then
      return it
    end
  end
  error(("the server takes no step '%s'"):format(action), 2)
end

local function new(spec)
  local at = faults.here(2, ("workflows/states of %s"):format(tostring(spec.resource)))
  check(spec, at)
  local made = {
    resource = spec.resource, enum = spec.enum, states = spec.states, tells = spec.tells, begins = spec.begins,
    also = spec.also or {}, transitions = {}, by_action = {},
  }
  for i, it in ipairs(spec.transitions) do
    local from = list_of(it.spec.from)
    local to = list_of(it.spec.to)
    local one = {
      action = it.action, at = it.at, from = from, leaves = set_of(from), to = #to == 1 and to[1] or nil, ends = to,
      who = it.spec.who,
      opens = point_of(it.spec.when.opens), closes = point_of(it.spec.when.closes),
      guards = it.spec.guards or {}, effects = it.spec.effects or {},
    }
    made.transitions[i] = one
    made.by_action[it.action] = made.by_action[it.action] or {}
    table.insert(made.by_action[it.action], one)
  end
  return setmetatable(made, machine)
end

return { new = new, on = on, server = SERVER, any_time = ANY_TIME }
