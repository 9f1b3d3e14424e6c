-- /docs/problems: what each code of a problem means, why it comes and what to do about it. `type` of a problem
-- leads to its section.
local faults = require "mb.faults"

local HEAD <const> = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Problems</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<h1>Problems</h1>
<p>Every error is a problem (RFC 9457). Its <code>code</code> is for programs and stays; <code>detail</code> is for
people and may change. A code that does not stand here is that of a plugin, which says more in <code>detail</code>.</p>
<p><a href="/docs">All routes</a></p>
</header>
<main>
]]

local SECTION <const> = [[
<section id="%s">
<h2><code>%s</code> <small>%d</small></h2>
<p>%s</p>
<p><strong>What to do:</strong> %s</p>
%s</section>
]]

local ENTITIES <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escaped(text)
  return (text:gsub('[&<>"]', ENTITIES))
end

-- Text in which `words` are code.
local function prose(text)
  return (escaped(text):gsub("`([^`]*)`", "<code>%1</code>"))
end

-- code -> the routes that may answer it, as texts.
local function routes_by_code(list)
  local made = {}
  for _, it in ipairs(list) do
    for _, of_status in pairs(it.problems) do
      for _, code in ipairs(of_status) do
        made[code] = made[code] or {}
        table.insert(made[code], "<li><code>" .. escaped(it.method .. " " .. it.pattern) .. "</code></li>")
      end
    end
  end
  return made
end

local function routes_text(routes, is_everywhere)
  if routes then
    table.sort(routes)
    return "<ul>" .. table.concat(routes) .. "</ul>\n"
  end
  return is_everywhere and "<p>Any route.</p>\n" or ""
end

local text

-- list: of mb.router `compiled`; codes: mb.problem_codes.
local function publish(list, codes)
  local parts, routes = { HEAD }, routes_by_code(list)
  for _, code in ipairs(faults.names_of(codes.by_code)) do
    local it = codes.by_code[code]
    parts[#parts + 1] = SECTION:format(code, code, it.status, prose(it.cause), prose(it.remedy),
      routes_text(routes[code], codes.everywhere[code]))
  end
  parts[#parts + 1] = "</main>\n</body>\n</html>\n"
  text = table.concat(parts)
end

-- The page.
local function get()
  return text
end

return { publish = publish, get = get }
