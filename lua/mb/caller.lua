-- What a statement that changes something is told of its caller: for the audit log who asked, from where and by
-- which request, and for a repetition the idempotency key (mb.idempotency) with where it counts.
local idempotency = require "mb.idempotency"

local MAX_AGENT <const> = 500 -- characters that the log keeps

local function agent_of(req)
  local agent = req:header("user-agent")
  local beyond = agent and utf8.offset(agent, MAX_AGENT + 1)
  return beyond and agent:sub(1, beyond - 1) or agent
end

-- { userId, address, agent, requestId }: of a request that may be repeated as it is.
local function who(req)
  return { userId = req.user_id, address = req.client, agent = agent_of(req), requestId = req.id }
end

-- { userId, address, agent, requestId, and with a key: key, hash, route, answerStatus }. answer_status: of the
-- answer that is kept if the change is made. A key counts for one path, so that of two bookings each has its own.
local function of(req, answer_status)
  local made = who(req)
  made.key, made.hash = idempotency.of(req, req.body)
  if made.key then
    made.route = req.method .. " " .. req.route:gsub("{(%w+)}", req.params)
    made.answerStatus = answer_status
  end
  return made
end

return { of = of, who = who }
