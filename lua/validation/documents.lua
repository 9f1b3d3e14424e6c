-- What a document that is sent in may be, and be called.
local disposition = require "mb.disposition"
local file_type = require "mb.file_type"
local overrides = require "validation.overrides"
local requirement_types = require "validation.requirement_types"
local text = require "mb.text"

local MAX_NAME <const> = 200 -- characters
local MB <const> = 1048576

-- The types, by their names, and the bytes that the requirement in force takes; `most` bytes where it says nothing
-- less. row: of queries/documents.lua `of`.
local function limits(row, most)
  local config = overrides:effective {
    providerType = row.typeSlug, slug = row.slug, validationType = row.validationType,
    config = requirement_types.config_of(row.validationConfig),
  }
  local wanted = config.expectedFormat or file_type.names
  local types = {}
  for _, it in ipairs(type(wanted) == "table" and wanted or { wanted }) do
    types[#types + 1] = file_type.named(it)
  end
  return types, math.min(most, math.floor((config.maxSizeMB or math.huge) * MB))
end

-- Whether something is to be judged by its first bytes alone, whatever its sender says that it is.
local function is_untold(content_type)
  return not content_type or content_type:lower():find "^application/octet%-stream%f[^%w%-]" ~= nil
end

-- Whether what is said to be of a media type may be one of these types.
local function may_be(content_type, types)
  local named = not is_untold(content_type) and file_type.named(content_type)
  for _, it in ipairs(types) do
    if it == named then
      return true
    end
  end
  return is_untold(content_type)
end

-- The type of what begins with these bytes, among those that are taken and as its sender said; nil.
local function type_of(head, content_type, types)
  local found = file_type.of(head)
  return found and may_be(file_type.types[found].media, types)
    and (is_untold(content_type) or file_type.named(content_type) == found) and found or nil
end

-- The name under which a file is kept, by its Content-Disposition; nil and why there is none. It ends as files of its
-- type do once that is known (mb.file_type).
local function name_of(field)
  if type(field) ~= "string" then
    return nil, "Content-Disposition: attachment; filename*=UTF-8''… names the file, once"
  end
  local sent, why = disposition.parse(field)
  if not sent then
    return nil, "Content-Disposition " .. why
  end
  local name, fault = text.line(disposition.base_name(sent))
  if not name then
    return nil, "the file name " .. fault
  elseif utf8.len(name) > MAX_NAME then
    return nil, ("the file name is longer than %d characters"):format(MAX_NAME)
  end
  return name
end

-- The media types of these, for people and for Accept.
local function media_of(types)
  local list = {}
  for i, it in ipairs(types) do
    list[i] = file_type.types[it].media
  end
  return table.concat(list, ", ")
end

return {
  limits = limits, may_be = may_be, type_of = type_of, name_of = name_of, media_of = media_of,
  query = { copy = {
    type = "string", enum = { "approved" }, description = "the last approved copy, also while a newer one waits",
  } },
}
