-- Statements of plugins: one each, closed in itself, and with ceilings on what comes back. What is not
-- known to return few rows is put into a frame that counts rows and bytes at the database, before
-- anything is sent; so a text must not be able to end the frame early. Backslashes are refused because
-- whether they escape depends on a setting of the session.
local query = require "mb.query"

local FRAME <const> = [[
WITH "rows" AS (
%s
)
SELECT CASE WHEN octet_length(t."json") <= %d THEN t."json" END AS "json", t."n", octet_length(t."json") AS "bytes"
  FROM (SELECT coalesce(json_agg(r), '[]')::text AS "json", count(*)::integer AS "n"
          FROM (SELECT * FROM "rows" LIMIT %d) r) t]]

local KINDS <const> = { SELECT = true, VALUES = true, WITH = true, INSERT = true, UPDATE = true, DELETE = true }
local CHANGES <const> = { INSERT = true, UPDATE = true, DELETE = true }

-- Where a comment, a quoted text or name, or a dollar-quoted text at `at` ends; nil when nothing of that begins
-- there, false when it does not end.
local function skip(text, at)
  local two = text:sub(at, at + 1)
  if two == "--" then
    return text:find("\n", at, true) or #text
  elseif two == "/*" then
    local depth, i = 0, at
    repeat
      local start = text:find("[/*]", i)
      local mark = start and text:sub(start, start + 1)
      if not start then
        return false
      end
      depth = depth + (mark == "/*" and 1 or mark == "*/" and -1 or 0)
      i = start + ((mark == "/*" or mark == "*/") and 2 or 1)
    until depth == 0
    return i - 1
  end
  local quote = two:sub(1, 1)
  if quote == "'" or quote == '"' then
    return text:find(quote, at + 1, true) or false
  end
  local before = at > 1 and text:sub(at - 1, at - 1) or ""
  local tag = not before:find "[%w_$\x80-\xff]" and
    (text:match("^%$%$", at) or text:match("^%$[%a_\x80-\xff][%w_\x80-\xff]*%$", at))
  if tag then
    local _, stop = text:find(tag, at + #tag, true)
    return stop or false
  end
end

-- The text without comments and quoted parts, or nil and why it is not one statement.
local function bare(text)
  local parts, at, depth = {}, 1, 0
  while at <= #text do
    local stop = skip(text, at)
    local c = text:sub(at, at)
    if stop == false then
      return nil, "a quoted text or a comment does not end"
    elseif stop then
      parts[#parts + 1] = " "
      at = stop
    elseif c == ";" then
      return nil, "it is one statement, without ;"
    elseif c == "(" or c == ")" then
      depth = depth + (c == "(" and 1 or -1)
      parts[#parts + 1] = c
    else
      parts[#parts + 1] = c
    end
    if depth < 0 then
      return nil, "a ) has no ("
    end
    at = at + 1
  end
  return depth == 0 and table.concat(parts) or nil, "a ( has no )"
end

-- The SQL that is run for this text, and whether it is framed; or nil and why the text is refused.
local function frame(text, max_rows, max_bytes)
  if text:find("\\", 1, true) or text:find("\0", 1, true) then
    return nil, "it holds a backslash or a NUL; write chr(92)"
  end
  local rest, why = bare(text)
  if not rest then
    return nil, why
  end
  local kind = (rest:match "^%s*(%a+)" or ""):upper()
  if not KINDS[kind] then
    return nil, "it begins with SELECT, VALUES, INSERT, UPDATE, DELETE or WITH"
  elseif CHANGES[kind] and not rest:upper():find "%f[%w_]RETURNING%f[^%w_]" then
    return text, false
  end
  return FRAME:format(text, max_bytes, max_rows + 1), true
end

-- { statement =, is_framed = }, or nil and why. A framed one answers one row: json (null when it is over
-- max_bytes), n (max_rows + 1 when there are more), bytes.
local function statement(name, text, max_rows, max_bytes)
  local sql, is_framed = frame(text, max_rows, max_bytes)
  if not sql then
    return nil, is_framed
  end
  return { statement = query.write(name, sql), is_framed = is_framed }
end

return { frame = frame, statement = statement }
