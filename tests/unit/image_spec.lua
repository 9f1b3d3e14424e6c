-- What is left of an image: the picture, in pieces of any size, and nothing of who took it.

package.path = "lua/?.lua;" .. package.path

local image = require "mb.image"

local SECRET <const> = "Sipho, -26.2041 28.0473"

-- The type and what is left of it, sent in pieces of that size; nil and why when it is refused.
local function strip(text, size)
  local at, left, refusal = 1, {}, {}
  local function read()
    local piece = text:sub(at, at + size - 1)
    at = at + size
    return piece ~= "" and piece or nil
  end
  local function fail(why)
    refusal.why = why
    error(refusal, 0)
  end
  local ok, type_name = pcall(image.strip, read, function(bytes) left[#left + 1] = bytes end, fail)
  if not ok and type_name ~= refusal then error(type_name, 0) end
  return ok and type_name or nil, ok and table.concat(left) or refusal.why
end

-- ---- the smallest that show something, as far as anything here looks ----

local function segment(marker, data) return (">BBI2"):pack(0xFF, marker, #data + 2) .. data end

local function exif(order, orientation)
  local ifd = (order .. "I2I2I2I4I4I2I2I4I2I2I4"):pack(2, 0x010F, 2, 4, 0x41424300, 0x0112, 3, 1, orientation, 0, 0)
  return "Exif\0\0" .. (order == "<" and "II*\0" or "MM\0*") .. (order .. "I4"):pack(8) .. ifd .. SECRET
end

local FRAME <const> = segment(0xDB, ("q"):rep(65)) .. segment(0xC0, "frame") .. segment(0xC4, "huffman")
local SCAN <const> = segment(0xDA, "scan") .. "ab\xFF\0c\xFF\xD0d\xFF\xD7" .. ("e"):rep(100) .. "\xFF\0"
local JPEG <const> = "\xFF\xD8" .. FRAME .. SCAN .. segment(0xC4, "more") .. SCAN .. "\xFF\xD9"

local function jpeg(data)
  return "\xFF\xD8" .. segment(0xE0, "JFIF\0" .. SECRET) .. (data or "") .. segment(0xFE, SECRET) .. FRAME
    .. segment(0xED, SECRET) .. SCAN .. segment(0xE2, SECRET) .. segment(0xC4, "more") .. "\xFF" .. SCAN
    .. "\xFF\xFF\xD9" .. SECRET
end

local function chunk(name, data) return (">I4"):pack(#data) .. name .. data .. "crc!" end

local PNG_HEAD <const> = "\x89PNG\r\n\x1A\n" .. chunk("IHDR", ("h"):rep(13))
local PNG <const> = PNG_HEAD .. chunk("gAMA", "gama") .. chunk("IDAT", ("i"):rep(300)) .. chunk("IEND", "")
local PNG_WITH <const> = PNG_HEAD .. chunk("tEXt", SECRET) .. chunk("gAMA", "gama") .. chunk("eXIf", SECRET)
  .. chunk("IDAT", ("i"):rep(300)) .. chunk("iTXt", SECRET) .. chunk("tIME", SECRET) .. chunk("IEND", "") .. SECRET

local function riff(name, data) return ("<c4I4"):pack(name, #data) .. data .. (#data % 2 == 1 and "\0" or "") end
local function webp(...)
  local all = table.concat { ... }
  return ("<c4I4c4"):pack("RIFF", 4 + #all, "WEBP") .. all
end

local WEBP_WITH <const> = webp(riff("VP8X", "\x2C234567890"), riff("ICCP", "icc"), riff("VP8 ", ("v"):rep(201)),
  riff("EXIF", SECRET), riff("XMP ", SECRET)) .. SECRET
local WEBP <const> = webp(riff("VP8X", "\x20234567890"), riff("ICCP", "icc"), riff("VP8 ", ("v"):rep(201)),
  riff("JUNK", ("\0"):rep(#SECRET + #SECRET % 2)), riff("JUNK", ("\0"):rep(#SECRET + #SECRET % 2)))

local SOUND <const> = { JPG = { jpeg(), JPEG }, PNG = { PNG_WITH, PNG }, WEBP = { WEBP_WITH, WEBP } }

describe("an image", function()
  for type_name, case in pairs(SOUND) do
    it("of the type " .. type_name .. " is what shows the picture, however it comes", function()
      for _, size in ipairs { 1, 2, 3, 7, 64, 1000000 } do
        assert.same({ type_name, case[2] }, { strip(case[1], size) }, size)
        assert.same({ type_name, case[2] }, { strip(case[2], size) }, size)
      end
    end)

    it("of the type " .. type_name .. " that is cut anywhere is refused", function()
      for n = 0, #case[2] - 1 do
        assert.is_nil(strip(case[2]:sub(1, n), 50), n .. " bytes")
      end
    end)
  end

  it("keeps how it is turned, and no more of that", function()
    for orientation = 0, 9 do
      for _, order in ipairs { "<", ">" } do
        local _, left = strip(jpeg(segment(0xE1, exif(order, orientation)) .. segment(0xE1, exif(order, 5))), 11)
        local kept = orientation >= 2 and orientation <= 8 and orientation or 5
        local told = segment(0xE1, "Exif\0\0MM\0*" .. (">I4I2I2I2I4I2I2I4"):pack(8, 1, 0x0112, 3, 1, kept, 0, 0))
        assert.equal("\xFF\xD8" .. told .. JPEG:sub(3), left)
      end
    end
    for _, odd in ipairs {
      "Exif\0\0", "Exif\0\0II*\0\xFF\xFF\xFF\xFF", "Exif\0\0II*\0\8\0\0\0\xFF\xFF", "Exif\0\0XX*\0\8\0\0\0\1\0",
      "http://ns",
      "Exif\0\0MM\0*\0\0\0\8\0\1\1\x12\0\3\0\0\0\1\0\6\0\0", -- shorter than what would stay of it
      "Exif\0\0MM\0*\0\0\0\8\0\1\1\x12\0\4\0\0\0\1\0\6",
    } do
      assert.same({ "JPG", JPEG }, { strip(jpeg(segment(0xE1, odd)), 9) })
    end
  end)

  it("keeps which colours its numbers are", function()
    local adobe = segment(0xEE, "Adobe\0\100\0\0\0\0\2")
    local _, left = strip(jpeg(adobe .. adobe .. segment(0xEE, "Adobe" .. SECRET)), 64)
    assert.equal("\xFF\xD8" .. adobe .. JPEG:sub(3), left)
  end)

  it("is refused when it is none, or not what it begins as", function()
    for _, text in ipairs {
      "", "x", "%PDF-1.7\n and more of it", "GIF89a, and more of it", "<svg onload='alert(1)'></svg>",
      "\xFF\xD8\xFF\xD9 and more of it", "\xFF\xD8" .. FRAME .. "\xFF\xD9",
      "\xFF\xD8" .. FRAME .. "x" .. SCAN .. "\xFF\xD9",
      "\xFF\xD8" .. segment(0xF0, "x") .. FRAME .. SCAN .. "\xFF\xD9", "\xFF\xD8\xFF\xDB\0\1" .. SCAN .. "\xFF\xD9",
      "\xFF\xD8" .. FRAME .. SCAN .. "\xFF\xD8\xFF\xD9",
      "\xFF\xD8" .. segment(0xC8, "x") .. FRAME .. SCAN .. "\xFF\xD9",
      PNG_HEAD .. chunk("IEND", ""), PNG_HEAD .. chunk("ABCD", "x") .. chunk("IDAT", "i") .. chunk("IEND", ""),
      PNG_HEAD .. chunk("IDAT", "i") .. chunk("IEND", SECRET),
      PNG_HEAD .. PNG:sub(9), PNG:sub(1, 8) .. chunk("IDAT", "i") .. chunk("IEND", ""),
      PNG_HEAD .. "\xFF\xFF\xFF\xFFtEXt" .. PNG:sub(#PNG_HEAD + 1),
      PNG_HEAD .. chunk("tE\0t", "") .. PNG:sub(#PNG_HEAD + 1),
      PNG:sub(1, 8) .. chunk("IHDR", "short") .. PNG:sub(#PNG_HEAD + 1),
      webp(riff("VP8X", "\x02234567890"), riff("VP8 ", "v")), webp(riff("VP8X", "\2"), riff("VP8 ", "v")),
      webp(riff("EXIF", "e")), webp "", webp(riff("VP8 ", "v"):sub(1, 9)), webp(("<c4I4"):pack("VP8 ", 0xFFFFFFFF)),
    } do
      local type_name, why = strip(text, 16)
      assert.is_nil(type_name, text)
      assert.is_string(why)
    end
  end)

  it("is of so many parts at most", function()
    for most, text in pairs {
      [4096 - 7] = { "\xFF\xD8", segment(0xE0, ""), JPEG:sub(3) },
      [16384 - 4] = { PNG_HEAD, chunk("tEXt", ""), PNG:sub(#PNG_HEAD + 1) },
    } do
      assert.is_string(strip(text[1] .. text[2]:rep(most) .. text[3], 65536))
      local type_name, why = strip(text[1] .. text[2]:rep(most + 1) .. text[3], 65536)
      assert.is_nil(type_name)
      assert.matches("^has more than %d+ parts$", why)
    end
    local type_name = strip(webp(riff("JUNK", ""):rep(16384), riff("VP8 ", "v")), 65536)
    assert.is_nil(type_name)
  end)

  it("may have any number of fill bytes, which take no steps each", function()
    local steps = 0
    debug.sethook(function() steps = steps + 1 end, "", 1000)
    local type_name, left = strip("\xFF\xD8" .. ("\xFF"):rep(1000000) .. JPEG:sub(3), 65536)
    debug.sethook()
    assert.same({ "JPG", JPEG }, { type_name, left })
    assert.is_true(steps < 100, steps)
  end)

  it("that is broken anyhow is refused or told nothing by, and never fails otherwise", function()
    local seed = os.time()
    math.randomseed(seed)
    local refused = 0
    for _ = 1, 3000 do
      local names = { "JPG", "PNG", "WEBP" }
      local text = SOUND[names[math.random(3)]][1]
      for _ = 1, math.random(4) do
        local at, change = math.random(#text), math.random(3)
        local part = change == 1 and string.char(math.random(0, 255)) or change == 2 and "" or text:sub(at, at + 20)
        text = text:sub(1, at - 1) .. part .. text:sub(at + 1)
      end
      local type_name, left = strip(text, math.random(80))
      refused = refused + (type_name and 0 or 1)
      -- What was left shows no more than it did, when it is looked at again.
      if type_name then assert.same({ type_name, left }, { strip(left, 33) }, "seed " .. seed) end
    end
    assert.is_true(refused > 300 and refused < 2700, refused)
  end)
end)
