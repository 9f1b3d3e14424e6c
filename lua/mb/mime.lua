-- A mail of plain text as RFC 5322 and MIME want it. Pure: whoever composes says the time and the id.
--
-- mime.compose { from =, to =, subject =, text =, date = "2026-11-22T08:00:00Z", id = "c…@clinic.example" } -> text
--
-- from and to are addresses without a name; subject and text are UTF-8. Nothing in a value makes another header.
-- A text of ASCII stays as it is, so that links in it can be read in the file; any other is quoted-printable.
local MONTHS <const> = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local DAYS <const> = { [0] = "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local OFFSETS <const> = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 } -- Sakamoto: of the weekday, by month

local MAX_LINE <const> = 998 -- of a mail; RFC 5322 section 2.1.1
local MAX_QUOTED <const> = 76 -- of quoted-printable; RFC 2045 section 6.7
local MAX_SUBJECT <const> = 67 -- with the name of the header that is 76
local MAX_WORD <const> = 39 -- bytes in one encoded word, so that the first has room beside "Subject: "

local BASE64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for i = 0, 3 do
      local n = (bits >> (18 - 6 * i) & 63) + 1
      out[#out + 1] = i <= (c and 3 or b and 2 or 1) and BASE64:sub(n, n) or "="
    end
  end
  return table.concat(out)
end

-- ---- headers ----

-- What stands between < and > as it is: no blank, no control character, nothing that ends it.
local function check_address(value, what)
  if type(value) ~= "string" or not value:find "^[!-~]+@[!-~]+$" or value:find "[<>,;\\\"()]" then
    error(("'%s' of a mail is no address"):format(what), 3)
  end
  return value
end

local function check_utf8(value, what)
  if type(value) ~= "string" or not utf8.len(value) then
    error(("'%s' of a mail is a text in UTF-8"):format(what), 3)
  end
  return value
end

-- RFC 2047: words of base64, none of which cuts a character, a line each.
local function encode_words(text)
  local words, word = {}, ""
  for _, code in utf8.codes(text) do
    local character = utf8.char(code)
    if #word + #character > MAX_WORD then
      words[#words + 1], word = word, ""
    end
    word = word .. character
  end
  words[#words + 1] = word
  for i, each in ipairs(words) do
    words[i] = "=?UTF-8?B?" .. base64(each) .. "?="
  end
  return table.concat(words, "\r\n ")
end

local function subject_of(text)
  local line = text:gsub("[\0-\31\127]+", " ")
  local is_plain = line:find "^[ -~]*$" and #line <= MAX_SUBJECT and not line:find("=?", 1, true)
  return is_plain and line or encode_words(line)
end

local function date_of(instant)
  local year, month, day, time = tostring(instant):match "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d:%d%d:%d%d)[.%d]*Z$"
  if not year then
    error("'date' of a mail is an instant in UTC", 3)
  end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local y = month < 3 and year - 1 or year
  local weekday = (y + y // 4 - y // 100 + y // 400 + OFFSETS[month] + day) % 7
  return ("%s, %d %s %04d %s +0000"):format(DAYS[weekday], day, MONTHS[month], year, time)
end

-- ---- text ----

-- Lines without their ends; control characters but for the tab are gone.
local function lines_of(text)
  text = text:gsub("\r\n?", "\n"):gsub("[\0-\8\11-\31\127]", "")
  local lines = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "([^\n]*)\n" do
    lines[#lines + 1] = line
  end
  return lines
end

local function quote(byte) return ("=%02X"):format(byte:byte()) end

-- One line as quoted-printable: lines of 76 characters at most, "=" at the end of those that go on.
local function quote_line(line)
  line = line:gsub("[^\t -<>-~]", quote):gsub("[\t ]$", quote)
  local parts = {}
  while #line > MAX_QUOTED do
    local cut = MAX_QUOTED - 1
    while line:sub(cut - 1, cut):find "=" do -- never inside "=C3"
      cut = cut - 1
    end
    parts[#parts + 1], line = line:sub(1, cut) .. "=", line:sub(cut + 1)
  end
  parts[#parts + 1] = line
  return table.concat(parts, "\r\n")
end

-- The lines of the body, and how they are encoded.
local function encode(text)
  local lines, is_plain = lines_of(text), true
  for _, line in ipairs(lines) do
    is_plain = is_plain and #line <= MAX_LINE and not line:find "[\128-\255]"
  end
  if not is_plain then
    for i, line in ipairs(lines) do
      lines[i] = quote_line(line)
    end
  end
  return lines, is_plain and "7bit" or "quoted-printable"
end

local function compose(mail)
  local lines, encoding = encode(check_utf8(mail.text, "text"))
  return table.concat({
    "From: <" .. check_address(mail.from, "from") .. ">",
    "To: <" .. check_address(mail.to, "to") .. ">",
    "Subject: " .. subject_of(check_utf8(mail.subject, "subject")),
    "Date: " .. date_of(mail.date),
    "Message-ID: <" .. check_address(mail.id, "id") .. ">",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: " .. encoding,
    "Auto-Submitted: auto-generated",
    "",
    table.concat(lines, "\r\n"),
    "",
  }, "\r\n")
end

return { compose = compose }
