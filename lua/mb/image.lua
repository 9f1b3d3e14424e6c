-- Images without what tells of who took them, where and with what: a piece at a time, nothing is decoded. Pure.
--
--   local type_name = image.strip(read, write, fail)
--
-- read() gives the next bytes, nil at the end; write(bytes) takes those that stay, in order; fail(why) raises. What
-- stays is what shows the picture, by name, of the first image: other segments and chunks, and whatever stands behind
-- the end, do not. Returns the name of its type (mb.file_type). What was written before a fail is no image.
local file_type = require "mb.file_type"

-- Parts of one image. Files hold some hundred at most, and a PNG one for every few kilobytes.
local MAX_SEGMENTS <const>, MAX_CHUNKS <const> = 4096, 16384

-- ---- bytes as they come ----

local reader = {}
reader.__index = reader

local function new_reader(read, write, fail)
  return setmetatable({ read = read, write = write, fail = fail, held = "", at = 1, parts = 0 }, reader)
end

-- Whether there is a byte that was not taken yet; at the end there is none.
function reader:fill()
  while self.at > #self.held do
    local more = self.read()
    if not more then
      return false
    end
    self.held, self.at = more, 1
  end
  return true
end

-- The next n bytes, some at most.
function reader:take(n)
  local parts = {}
  while n > 0 do
    if not self:fill() then
      self.fail "ends early"
    end
    local part = self.held:sub(self.at, self.at + n - 1)
    self.at, n = self.at + #part, n - #part
    parts[#parts + 1] = part
  end
  return table.concat(parts)
end

-- Gives the next n bytes, of any number, to `to`.
function reader:pass(n, to)
  while n > 0 do
    local part = self:take(math.min(n, math.max(1, #self.held - self.at + 1)))
    to(part)
    n = n - #part
  end
end

-- One part more begins, of which there are `most`: each takes its time, however small it is.
function reader:count(most)
  self.parts = self.parts + 1
  if self.parts > most then
    self.fail(("has more than %d parts"):format(most))
  end
end

local function nowhere() end

-- ---- JPEG (ITU T.81 annex B): segments, and what is coded behind a start of scan ----

local SOI <const>, EOI <const>, SOS <const>, APP1 <const>, APP14 <const> = 0xD8, 0xD9, 0xDA, 0xE1, 0xEE

-- Frames and tables; the others are for applications, comments, or for nobody.
local function is_kept_segment(marker)
  return marker >= 0xC0 and marker <= 0xCF and marker ~= 0xC8 or marker >= 0xDA and marker <= 0xDD
end

local function is_dropped_segment(marker)
  return marker >= 0xE0 and marker <= 0xEF or marker == 0xFE
end

-- How the picture is to be turned, by the Exif data of a segment: 2 to 8, or nil when it is not, or not told.
local function orientation_of(exif)
  local order = ({ ["II*\0"] = "<", ["MM\0*"] = ">" })[exif:sub(7, 10)]
  if exif:sub(1, 6) ~= "Exif\0\0" or not order or #exif < 14 then
    return nil
  end
  local at = 7 + (order .. "I4"):unpack(exif, 11)
  local count = at + 1 <= #exif and (order .. "I2"):unpack(exif, at) or 0
  for i = 0, count - 1 do
    local entry = at + 2 + 12 * i
    if entry + 11 > #exif then
      return nil
    end
    local tag, kind, number, value = (order .. "I2I2I4I2"):unpack(exif, entry)
    if tag == 0x0112 and kind == 3 and number == 1 then
      return value >= 2 and value <= 8 and value or nil
    end
  end
end

local TURNED <const> = 32 -- bytes of its data

-- A segment that says that and nothing else.
local function turned(orientation)
  return (">I2I2c6c4I4I2I2I2I4I2I2I4"):pack(0xFFE1, TURNED + 2, "Exif\0\0", "MM\0*", 8, 1, 0x0112, 3, 1, orientation,
    0, 0)
end

local function next_marker(r)
  if r:take(1) ~= "\xFF" then
    r.fail "is no JPEG: a marker is missing"
  end
  while true do -- any number of FF may stand before what it is
    if not r:fill() then
      r.fail "ends early"
    end
    local at = r.held:find("[^\xFF]", r.at)
    r.at = (at or #r.held) + 1
    if at then
      return r.held:byte(at)
    end
  end
end

-- Up to the next marker, which neither stands for a byte nor restarts the scan. Leaves its FF to be taken.
local function pass_scan(r)
  repeat
    if not r:fill() then
      r.fail "ends early"
    end
    local stop = r.held:find("\xFF[^\0\xD0-\xD7]", r.at)
    local last = #r.held
    if not stop and r.held:byte(last) == 0xFF then -- what it is, the next piece tells
      r.write(r.held:sub(r.at, last - 1))
      local more = r.read() or r.fail "ends early"
      r.held, r.at = "\xFF" .. more, 1
    else
      r.write(r.held:sub(r.at, (stop or last + 1) - 1))
      r.at = stop or last + 1
    end
  until stop
end

-- A segment for applications or people, of n bytes. Two of them matter to the picture: how it is turned, and which
-- colours its numbers are (Adobe).
local function drop_segment(r, marker, n, seen)
  if marker == APP1 and not seen.turned then
    local data = r:take(n)
    local orientation = #data >= TURNED and orientation_of(data) or nil -- else what stays were more than what came
    seen.turned = orientation
    r.write(orientation and turned(orientation) or "")
  elseif marker == APP14 and n == 12 and not seen.adobe then
    local data = r:take(n)
    seen.adobe = data:sub(1, 5) == "Adobe"
    r.write(seen.adobe and (">I2I2"):pack(0xFFEE, n + 2) .. data or "")
  else
    r:pass(n, nowhere)
  end
end

local function strip_jpeg(r)
  r.write(r:take(2))
  local seen = {}
  while true do
    r:count(MAX_SEGMENTS)
    local marker = next_marker(r)
    if marker == EOI then
      r.write "\xFF\xD9"
      return seen.scan or r.fail "is no JPEG: it shows nothing"
    end
    local kept = is_kept_segment(marker)
    if marker == SOI or not kept and not is_dropped_segment(marker) then
      r.fail(("is no JPEG: marker %02X is not known"):format(marker))
    end
    local length = (">I2"):unpack(r:take(2))
    if length < 2 then
      r.fail "is no JPEG: a segment is too short"
    elseif kept then
      r.write((">BBI2"):pack(0xFF, marker, length))
      r:pass(length - 2, r.write)
    else
      drop_segment(r, marker, length - 2, seen)
    end
    if marker == SOS then
      seen.scan = true
      pass_scan(r)
    end
  end
end

-- ---- PNG (RFC 2083, the specification's third edition): chunks ----

local PNG_CHUNKS <const> = {
  IHDR = true, PLTE = true, IDAT = true, IEND = true, tRNS = true, gAMA = true, cHRM = true, sRGB = true, sBIT = true,
}

local function strip_png(r)
  r.write(r:take(8))
  local first, seen = true, false
  repeat
    r:count(MAX_CHUNKS)
    local head = r:take(8)
    local length, name = (">I4c4"):unpack(head)
    if length > 0x7FFFFFFF or not name:find "^%a%a%a%a$" or first ~= (name == "IHDR") or first and length ~= 13
      or name == "IEND" and length ~= 0 then
      r.fail "is no PNG: a chunk is malformed"
    elseif not PNG_CHUNKS[name] and name:find "^%u" then
      r.fail(("is no PNG: chunk %s is not known"):format(name))
    elseif PNG_CHUNKS[name] then
      r.write(head)
      r:pass(length + 4, r.write)
    else
      r:pass(length + 4, nowhere)
    end
    first, seen = false, seen or name == "IDAT"
  until name == "IEND"
  return seen or r.fail "is no PNG: it shows nothing"
end

-- ---- WebP (RFC 9649): chunks of RIFF, whose size stands before them ----

local WEBP_CHUNKS <const> = { ["VP8 "] = true, VP8L = true, VP8X = true, ALPH = true, ICCP = true }
local HAS_METADATA <const>, IS_ANIMATED <const> = 0x08 | 0x04, 0x02 -- Exif and XMP, of the flags of VP8X

-- The size of all was told already: a chunk that does not stay becomes one of zeros that nobody reads.
local function blank(r, n)
  r.write(("<c4I4"):pack("JUNK", n))
  r:pass(n, function(part) r.write(("\0"):rep(#part)) end)
end

local function strip_webp(r)
  local head = r:take(12)
  local left, seen = ("<I4"):unpack(head, 5) - 4, false
  r.write(head)
  while left > 0 do
    r:count(MAX_CHUNKS)
    local name, length = ("<c4I4"):unpack(r:take(8))
    local padded = length + length % 2
    left = left - 8 - padded
    if left < 0 then
      r.fail "is no WebP: a chunk is too long"
    elseif name == "VP8X" then
      local flags = length == 10 and r:take(1):byte() or r.fail "is no WebP: a chunk is malformed"
      if flags & IS_ANIMATED ~= 0 then
        r.fail "moves: send one that stands still"
      end
      r.write(("<c4I4B"):pack(name, length, flags & ~HAS_METADATA))
      r:pass(9, r.write)
    elseif WEBP_CHUNKS[name] then
      r.write(("<c4I4"):pack(name, length))
      r:pass(padded, r.write)
    else
      blank(r, padded)
    end
    seen = seen or name == "VP8 " or name == "VP8L"
  end
  return seen or r.fail "is no WebP: it shows nothing"
end

local STRIPPERS <const> = { JPG = strip_jpeg, PNG = strip_png, WEBP = strip_webp }

local function strip(read, write, fail)
  local r = new_reader(read, write, fail)
  local head = ""
  while #head < file_type.HEAD do
    local more = read()
    if not more then
      break
    end
    head = head .. more
  end
  local type_name = file_type.of(head)
  if not STRIPPERS[type_name] then
    fail "is no JPEG, PNG or WebP"
  end
  r.held = head
  STRIPPERS[type_name](r)
  return type_name
end

return { strip = strip }
