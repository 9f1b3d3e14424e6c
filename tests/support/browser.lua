-- What a browser does between servers: keeps their cookies, and goes where they send it. Cookies are told apart by host
-- alone, as browsers do, so servers at two ports of one address see each other's.

local http = require "support.http"

local browser = {}
browser.__index = browser

-- A browser without cookies.
function browser.new() return setmetatable({ cookies = {} }, browser) end

function browser:keep(response)
  for _, field in ipairs(response.list) do
    if field[1]:lower() == "set-cookie" then
      local name, value, rest = field[2]:match "^([^=;]+)=([^;]*)(.*)$"
      local path, is_over = rest:match "[Pp]ath=([^;]+)" or "/", rest:find "[Mm]ax%-[Aa]ge=0" or rest:find "1970"
      self.cookies[name] = not is_over and { value = value, path = path, text = field[2] } or nil
    end
  end
end

function browser:cookie_line(path)
  local list = {}
  for name, it in pairs(self.cookies) do
    if path:sub(1, #it.path) == it.path then list[#list + 1] = name .. "=" .. it.value end
  end
  return #list > 0 and table.concat(list, "; ") or nil
end

-- One page of a server of 127.0.0.1, without following.
function browser:get(url)
  local port, target = url:match "^http://127%.0%.0%.1:(%d+)(/.*)$"
  assert(port, "the browser asks servers of the test only, not " .. url)
  local response = http.request("GET", target, {
    port = tonumber(port), host = "127.0.0.1:" .. port, headers = { Cookie = self:cookie_line(target:match "^[^?]*") },
  })
  self:keep(response)
  return response
end

-- Follows redirects from here; `turn(url)` may change each on its way, and ends it by returning nil. The last answer,
-- and the address that was not asked any more.
function browser:follow(url, turn)
  local answer
  for _ = 1, 20 do
    url = turn(url)
    if not url then return answer end
    answer = self:get(url)
    local where = answer.headers.location
    if not where then return answer end
    url = where:find "^/" and url:match "^http://[^/]+" .. where or where
    if not url:find "^http://127%.0%.0%.1:" then return answer, url end
  end
  error("redirected without end: " .. url)
end

return browser
