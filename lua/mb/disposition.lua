-- Content-Disposition: the name under which somebody sends or is sent a file (RFC 6266, RFC 8187). Pure.

local TOKEN <const> = "[%w!#$%%&'*+%-.^_`|~]+"
local MAX_PARAMETERS <const> = 16

-- Bytes of an ext-value, UTF-8''caf%C3%A9, or nil.
local function decode_extended(value)
  local charset, encoded = value:match "^([%w%-]+)'[%w%-]*'(.*)$"
  if not charset or charset:lower() ~= "utf-8" or encoded:gsub("%%%x%x", ""):find "[^%w!#$&+%-.^_`|~]" then
    return nil
  end
  return (encoded:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Where the quotation mark stands that ends what one begins; nil when there is none.
local function closing_mark(text)
  local at = text:byte() == 0x22 and text:find('["\\]', 2)
  while at and text:byte(at) ~= 0x22 do -- what a backslash stands before is part of it
    at = text:find('["\\]', at + 2)
  end
  return at or nil
end

-- The next parameter of a list: name in small letters, value, what stands behind; nil when it is malformed.
local function next_parameter(rest)
  local name, behind = rest:match("^[ \t]*;[ \t]*(" .. TOKEN .. ")[ \t]*=[ \t]*(.*)$")
  if not name then
    return nil
  end
  local last_mark = closing_mark(behind)
  if last_mark then
    return name:lower(), behind:sub(2, last_mark - 1):gsub("\\(.)", "%1"), behind:sub(last_mark + 1)
  end
  local value, last = behind:match("^(" .. TOKEN .. ")(.*)$")
  return value and name:lower(), value, last
end

-- The file name of a field, in UTF-8 as far as the sender knows, and not harmless yet; nil and why when there is none.
local function parse(field)
  local rest = field:match("^[ \t]*" .. TOKEN .. "(.*)$")
  local found = {}
  for _ = 1, MAX_PARAMETERS do
    if not rest or not rest:find "[^ \t]" then
      break
    end
    local name, value, behind = next_parameter(rest)
    if not name or found[name] then
      rest = nil
    else
      found[name], rest = value, behind
    end
  end
  if not rest or rest:find "[^ \t]" then
    return nil, "is no disposition as RFC 6266 has it"
  end
  if found["filename*"] then
    local name = decode_extended(found["filename*"])
    return name, not name and "filename* is UTF-8''… with percent signs (RFC 8187)" or nil
  end
  return found.filename, not found.filename and "names no file" or nil
end

-- What stands behind the last separator of a path of any system, without what systems give a meaning. Each pattern is
-- anchored at the front and tries no part of a name twice: a name of some kilobytes takes no time to speak of.
local function base_name(name)
  local base = name:gsub("^.*[/\\]", ""):gsub('[<>:"|?*%c]', "_"):gsub("^[. ]+", "")
  return base:match "^.*[^. ]" or ""
end

-- The field for whoever is sent a file under that name, which is UTF-8 without control characters.
local function attachment(name)
  local plain = name:gsub("[\128-\255]+", "_"):gsub('["\\%%]', "_")
  local encoded = name:gsub("[^%w!#$&+%-.^_`|~]", function(c) return ("%%%02X"):format(c:byte()) end)
  return ("attachment; filename=\"%s\"; filename*=UTF-8''%s"):format(plain, encoded)
end

return { parse = parse, base_name = base_name, attachment = attachment }
