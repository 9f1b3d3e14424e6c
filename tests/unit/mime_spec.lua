-- Mails as they are composed, read back by the decoder of support/mailbox.lua.

package.path = "lua/?.lua;" .. package.path

local mailbox = require "support.mailbox"
local mime = require "mb.mime"

local function compose(change)
  local mail = {
    from = "medbookd@clinic.example", to = "patient@clinic.example", subject = "Hello", text = "One line.\n",
    date = "2026-11-22T08:00:00.000Z", id = "c123@clinic.example",
  }
  for key, value in pairs(change or {}) do mail[key] = value end
  return mime.compose(mail)
end

local function read(change) return mailbox.parse(compose(change)) end

-- Every line without its CRLF; fails where a CR or an LF stands alone.
local function lines_of(mail)
  local lines, rest = {}, mail
  while rest ~= "" do
    local line, after = rest:match "^([^\r\n]*)\r\n(.*)$"
    assert(line, "a line ends otherwise: " .. rest:sub(1, 40))
    lines[#lines + 1], rest = line, after
  end
  return lines
end

local function longest(mail)
  local most = 0
  for _, line in ipairs(lines_of(mail)) do most = math.max(most, #line) end
  return most
end

describe("a mail", function()
  it("is what RFC 5322 and MIME want", function()
    assert.equal(table.concat({
      "From: <medbookd@clinic.example>", "To: <patient@clinic.example>", "Subject: Hello",
      "Date: Sun, 22 Nov 2026 08:00:00 +0000", "Message-ID: <c123@clinic.example>", "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit",
      "Auto-Submitted: auto-generated", "", "One line.", "",
    }, "\r\n"), compose())
  end)

  it("has the weekday of its date", function()
    for date, text in pairs {
      ["1970-01-01T00:00:00Z"] = "Thu, 1 Jan 1970 00:00:00 +0000",
      ["2000-02-29T23:59:59.999Z"] = "Tue, 29 Feb 2000 23:59:59 +0000",
      ["2024-03-01T00:00:00Z"] = "Fri, 1 Mar 2024 00:00:00 +0000",
      ["2100-02-28T12:00:00Z"] = "Sun, 28 Feb 2100 12:00:00 +0000",
    } do
      assert.equal(text, read({ date = date }).headers.date)
    end
    assert.has_error(function() compose { date = "tomorrow" } end)
  end)

  it("agrees with the C library about the weekday of every day of 40 years", function()
    for day = 0, 40 * 365, 7 do
      local at = os.date("!*t", day * 86400)
      local date = ("%04d-%02d-%02dT00:00:00Z"):format(at.year, at.month, at.day)
      assert.equal(os.date("!%a, ", day * 86400), read({ date = date }).headers.date:sub(1, 5))
    end
  end)

  it("gives back any subject and any text", function()
    for _, it in ipairs {
      "plain", "", "Ihre Prüfung", "ਮਰੀਜ਼", "😀 and text", "a=b", "=?UTF-8?B?QQ==?=", ("x"):rep(300), ("é"):rep(300),
      ("word "):rep(60) .. "end", "tab\there", "100 %", "(in) <brackets>",
    } do
      local mail = compose { subject = it, text = it }
      local parsed = mailbox.parse(mail)
      assert.equal((it:gsub("\t", " ")), parsed.headers.subject)
      assert.equal(it .. "\n", parsed.text)
      assert.is_nil(mail:find "[^\r\n\t -~]")
    end
  end)

  it("gives back texts of random characters, in lines that are short enough", function()
    math.randomseed(20261122)
    local alphabet = { "a", "=", ".", " ", "\t", "\n", "é", "ਮ", "😀", "From ", "\n.\n", "?=", "_" }
    for round = 1, 300 do
      local parts = {}
      for i = 1, math.random(0, 400) do parts[i] = alphabet[math.random(#alphabet)] end
      local text = table.concat(parts)
      local subject = text:gsub("[\n\t]+", "_")
      local mail = compose { subject = subject, text = text }
      local parsed = mailbox.parse(mail)
      assert.equal(text:sub(-1) == "\n" and text or text .. "\n", parsed.text, "round " .. round)
      assert.equal(subject, parsed.headers.subject, "round " .. round)
      local is_quoted = parsed.headers["content-transfer-encoding"] == "quoted-printable"
      assert.is_true(longest(mail) <= (is_quoted and 76 or 998), "round " .. round)
    end
  end)

  it("leaves links in plain texts as they are, so that they can be read in the file", function()
    local link = "https://clinic.example/verify-email#token=" .. ("a1-_"):rep(20)
    assert.is_truthy(compose({ text = "Open\n" .. link .. "\n" }):find("\r\n" .. link .. "\r\n", 1, true))
  end)

  it("breaks no line beyond 998 bytes, however long one is", function()
    assert.is_true(longest(compose { text = ("a"):rep(998) }) == 998)
    assert.is_true(longest(compose { text = ("a"):rep(999) }) <= 76)
    assert.equal(("a"):rep(5000) .. "\n", read({ text = ("a"):rep(5000) }).text)
  end)

  it("takes lines of any ends, and no control characters", function()
    assert.equal("a\nb\nc\nd\n", read({ text = "a\r\nb\rc\nd" }).text)
    assert.equal("ab\tc\n", read({ text = "a\0\27\127b\tc" }).text)
  end)

  it("lets no value begin a header or end an address", function()
    local parsed = read { subject = "Hello\r\nBcc: everybody@clinic.example\r\n\r\nand more\0" }
    assert.equal(9, #parsed.names)
    assert.equal("Hello Bcc: everybody@clinic.example and more ", parsed.headers.subject)
    for _, key in ipairs { "from", "to", "id" } do
      for _, value in ipairs {
        "a@b\r\nBcc: c@d", "a@b\n", "\ra@b", "a@b\0", "a@b>", "<a@b", "a @b", "a@b,c@d", "a@b;c", 'a"@b', "ü@b", "a@ü",
        "a", "", 7,
      } do
        assert.has_error(function() compose { [key] = value } end)
      end
    end
    assert.has_error(function() compose { subject = "\xff" } end)
    assert.has_error(function() compose { text = "\xff" } end)
  end)
end)
