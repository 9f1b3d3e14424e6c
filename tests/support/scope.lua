-- What must be undone when a spec file, or the whole run, ends: servers stopped, folders removed.
-- The helper closes the scopes, so that a failing test leaves nothing behind. Knows no kind of
-- resource.

local stacks = { file = {}, suite = {} }

-- Registers `undo` to run when the scope ends ("file" unless told); last registered runs first.
local function defer(undo, name)
  local stack = assert(stacks[name or "file"], "a scope is file or suite")
  stack[#stack + 1] = undo
end

-- Runs everything of the scope, each whatever became of the others; returns the list of errors.
local function close(name)
  local stack, errors = stacks[name], {}
  while #stack > 0 do
    local undo = table.remove(stack)
    local ok, err = pcall(undo)
    if not ok then errors[#errors + 1] = tostring(err) end
  end
  return errors
end

return { defer = defer, close = close }
