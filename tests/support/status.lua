-- Statements that take providers and organizations to a status by the edges that there are ("StatusEdge"), as the
-- database lets nobody jump.

local status = {}

local NEXT <const> = {
  PENDING_APPROVAL = { "APPROVED", "REJECTED", "CANCELLED" }, REJECTED = { "PENDING_APPROVAL" },
  CANCELLED = { "PENDING_APPROVAL" }, APPROVED = { "TRIAL", "SUSPENDED", "CANCELLED" },
  TRIAL = { "ACTIVE", "TRIAL_EXPIRED", "SUSPENDED", "CANCELLED" },
  TRIAL_EXPIRED = { "ACTIVE", "SUSPENDED", "CANCELLED" },
  ACTIVE = { "PAYMENT_OVERDUE", "SUSPENDED", "CANCELLED" }, PAYMENT_OVERDUE = { "ACTIVE", "SUSPENDED", "CANCELLED" },
  SUSPENDED = { "CANCELLED" },
}

-- The states from one to another, without the first.
function status.path(from, to)
  local paths, queue = { [from] = {} }, { from }
  for _, here in ipairs(queue) do
    for _, there in ipairs(NEXT[here]) do
      if not paths[there] then
        paths[there] = table.move(paths[here], 1, #paths[here], 1, {})
        table.insert(paths[there], there)
        queue[#queue + 1] = there
      end
    end
  end
  return paths[to]
end

-- SQL that takes the rows of this condition, all that are `from`, to `to`: providers, or those of another table.
function status.sql(from, to, condition, name)
  local statements, here = {}, from
  for i, there in ipairs(status.path(from, to)) do
    statements[i] = ([[UPDATE "%s" SET "status" = '%s' WHERE "status" = '%s' AND (%s)]])
      :format(name or "Provider", there, here, condition or "true")
    here = there
  end
  return table.concat(statements, "; ")
end

return status
