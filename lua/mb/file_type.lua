-- What a file is by the bytes that it begins with, whatever it calls itself. Pure.

-- name -> media type, ending of a name (the first is the usual one), pattern of the first bytes.
local TYPES <const> = {
  PDF = { media = "application/pdf", endings = { "pdf" }, magic = "^%%PDF%-%d%.%d" },
  JPG = { media = "image/jpeg", endings = { "jpg", "jpeg" }, magic = "^\xFF\xD8\xFF" },
  PNG = { media = "image/png", endings = { "png" }, magic = "^\x89PNG\r\n\x1A\n" },
  WEBP = { media = "image/webp", endings = { "webp" }, magic = "^RIFF....WEBP" },
}
local ALIASES <const> = { JPEG = "JPG" }
local HEAD <const> = 12 -- bytes that tell

local by_media <const>, names <const> = {}, {}
for name, it in pairs(TYPES) do
  by_media[it.media] = name
  names[#names + 1] = name
end
table.sort(names)

-- The name under which it stands in `types`, of "pdf", "JPEG" or "application/pdf" with or without parameters; nil.
local function named(text)
  local word = text:match "^[^;%s]+" or ""
  local upper = word:upper()
  return TYPES[upper] and upper or ALIASES[upper] or by_media[word:lower()]
end

-- The name of the type of what begins with these bytes, or nil.
local function of(head)
  for _, name in ipairs(names) do
    if head:find(TYPES[name].magic) then
      return name
    end
  end
end

-- A file name that ends as files of that type do.
local function with_ending(file_name, type_name)
  local ending = file_name:lower():match "%.(%w+)$"
  for _, it in ipairs(TYPES[type_name].endings) do
    if it == ending then
      return file_name
    end
  end
  return file_name .. "." .. TYPES[type_name].endings[1]
end

return { types = TYPES, names = names, HEAD = HEAD, named = named, of = of, with_ending = with_ending }
