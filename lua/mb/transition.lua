-- Takes a row one step along its workflow (mb.workflow). The statement compares and sets, so of two
-- callers who decide at once one is told what the other made of the row.
local json = require "mb.json"
local problem = require "mb.problem"

-- 409 with where the row stands and what this caller may do from there.
local function refuse(machine, it, status, judge)
  local actions = json.array(machine:allowed(status, function(who) return judge:allows(who) end))
  local is_there = status == it.to
  local code = is_there and "already_" .. it.to:lower() or "transition_not_allowed"
  local text = is_there and "this is %s already" or "this is %s: '%s' is not possible"
  error(problem(409, code, text:format(status, it.action), { members = { currentStatus = status, allowed = actions } }))
end

-- `row` is what the judge judges, with its `status`. move(transition) runs the statement and returns its
-- row: `outcome`, and `status` as it is now. Every outcome but transition_not_allowed is the caller's.
local function run(machine, action, row, judge, move)
  local it = machine:pick(action, row.status, function(who) return judge:allows(who) end)
  if not it then
    return judge:demand(machine.by_action[action][1].who)
  end
  local done = move(it)
  if done.outcome == "transition_not_allowed" then
    refuse(machine, it, done.status, judge)
  end
  return done
end

return { run = run }
