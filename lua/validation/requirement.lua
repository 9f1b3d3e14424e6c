-- What is asked of somebody and what counts as an answer, as configurations of eight types. The base is a
-- row of the database; files of validation/requirements/ and of plugins override it key by key:
--
--   local requirement = require "validation.requirement"
--   local of = requirement.of
--   return requirement.overrides("general-practitioner", {
--     ["hpcsa-number"] = of.text { pattern = "^MP\\d{6}$", maxLength = requirement.none },
--   })
--
-- Both keys are the slugs of rows, as the API shows them and routes take them. A third argument
-- { organization = id } limits a file to what is asked for that organization. `none` takes a key away. Beside the
-- configuration, which judges answers, stands what a provider is held to:
--
--   required = true                         or false: whatever the row says
--   required_if = function(answers) … end   required where this is true of the answers to what the type asks, by slug:
--                                           of each the approved one, else the one that waits for its review
--   expires = function(answers, day) … end  the last day on which an answer that was approved on that day counts, as
--                                           "2026-11-26"; nil = it does not lapse
--
-- All faults of a file are told when scripts load; what does not fit a row, or matches none, is told with the
-- effective configuration. Which answers do: validation/requirement_answer.lua.
local faults = require "mb.faults"
local file_type = require "mb.file_type"
local pattern = require "mb.pattern"
local days_of = require("validation.day").days_of

local none <const> = setmetatable({}, { __name = "none" })

-- ---- what a configuration may say: key -> kind of its value ----

local function is_list_of(value, test)
  if type(value) ~= "table" or #value == 0 then
    return false
  end
  for _, item in ipairs(value) do
    if not test(item) then
      return false
    end
  end
  return true
end

local function is_text(value) return type(value) == "string" end

local function is_format(value) return is_text(value) and file_type.named(value) ~= nil end

local function is_whole(value, least, most)
  return type(value) == "number" and math.tointeger(value) ~= nil and value >= least and value <= most
end

local function is_option(value)
  return type(value) == "table" and is_text(value.value) and is_text(value.label)
end

-- kind -> what it is, test
local VALUES <const> = {
  text = { "a text", is_text },
  flag = { "true or false", function(v) return type(v) == "boolean" end },
  count = { "a whole number from 0 to 1000000", function(v) return is_whole(v, 0, 1000000) end },
  number = { "a number", function(v) return type(v) == "number" end },
  year = { "a year such as 1960", function(v) return is_whole(v, 1000, 9999) end },
  day = { "a day such as 2026-11-26", function(v) return is_text(v) and days_of(v) ~= nil end },
  formats = { "a file format or a list of them, of " .. table.concat(file_type.names, ", "), function(v)
    return is_format(v) or is_list_of(v, is_format)
  end },
  options = { "a list of { value = …, label = … }", function(v) return is_list_of(v, is_option) end },
  other = { "a table of minLength, maxLength and required", function(v)
    return type(v) == "table" and (v.minLength == nil or is_whole(v.minLength, 0, 1000000))
      and (v.maxLength == nil or is_whole(v.maxLength, 0, 1000000))
  end },
}

local COMMON <const> = {
  helpText = "text", validationError = "text", placeholder = "text", warningThreshold = "count", warningText = "text",
}

-- What is no part of a configuration.
local RULES <const> = { required = "boolean", required_if = "function", expires = "function" }

-- Two keys of which the first must not be over the second.
local ORDERED <const> = { { "minLength", "maxLength" }, { "min", "max" }, { "minDate", "maxDate" },
  { "minYear", "maxYear" } }

local TYPES <const> = {
  BOOLEAN = { trueLabel = "text", falseLabel = "text", defaultValue = "flag", mustBeTrue = "flag" },
  DOCUMENT = { expectedFormat = "formats", maxSizeMB = "number", expiresWith = "text" },
  TEXT = {
    minLength = "count", maxLength = "count", pattern = "text", patternError = "text", caseSensitive = "flag",
    trimWhitespace = "flag",
  },
  DATE = { minDate = "day", maxDate = "day", dateFormat = "text", displayFormat = "text" },
  FUTURE_DATE = { minDaysInFuture = "count", dateFormat = "text", displayFormat = "text" },
  PAST_DATE = { dateFormat = "text", displayFormat = "text", minYear = "year", maxYear = "year" },
  NUMBER = { min = "number", max = "number", step = "number", isInteger = "flag" },
  PREDEFINED_LIST = {
    options = "options", allowMultiple = "flag", allowOther = "flag", otherLabel = "text", otherValidation = "other",
  },
}
for _, keys in pairs(TYPES) do
  for key, kind in pairs(COMMON) do
    keys[key] = kind
  end
end
local TYPE_NAMES <const> = faults.names_of(TYPES)

-- Calls note(key, text, hint) for each key that a configuration of this type does not take.
local function check_keys(type_name, config, note)
  local keys = TYPES[type_name]
  for _, key in ipairs(faults.names_of(config)) do
    local kind = keys[key]
    if not kind then
      note(key, ("unknown key '%s' of %s"):format(key, type_name), faults.nearest(key, faults.names_of(keys)))
    elseif config[key] ~= none and not VALUES[kind][2](config[key]) then
      note(key, ("'%s' is %s"):format(key, VALUES[kind][1]))
    end
  end
end

-- Why the keys of a configuration do not go together; nil when they do. Each is fine alone.
local function contradiction(config)
  for _, pair in ipairs(ORDERED) do
    local low, high = config[pair[1]], config[pair[2]]
    if low and high and low > high then
      return ("'%s' is over '%s': no answer would do"):format(pair[1], pair[2])
    end
  end
  if config.pattern then
    local _, why = pattern.compile(config.pattern)
    if why then
      return "'pattern': " .. why
    end
  end
  if config.step and config.step <= 0 then
    return "'step' is over 0"
  elseif config.maxSizeMB and config.maxSizeMB <= 0 then
    return "'maxSizeMB' is over 0"
  elseif config.dateFormat and config.dateFormat ~= "YYYY-MM-DD" and config.dateFormat ~= "YYYY" then
    return "'dateFormat' is YYYY-MM-DD or YYYY"
  end
end

-- A configuration with the keys of another put over it.
local function over(config, changes)
  local merged = {}
  for key, value in pairs(config) do
    merged[key] = value
  end
  for key, value in pairs(changes) do
    if value == none then
      value = nil
    end
    merged[key] = value
  end
  return merged
end

-- Calls note(key, text, hint) for whatever is wrong with a configuration of this type, which there is; key: nil where
-- the keys do not go together.
local function judge(type_name, config, note)
  local is_sound = true
  check_keys(type_name, config, function(...)
    is_sound = false
    note(...)
  end)
  local why = is_sound and contradiction(over({}, config))
  if why then
    note(nil, why)
  end
end

-- ---- writing ----

local item = {}

-- One item: a configuration and what stands beside it, apart. What is no table is told by check_item.
local function new_item(type_name, config, at)
  local it = setmetatable({ type = type_name, at = at, config = config, rules = {} }, item)
  if type(config) == "table" then
    it.config = {}
    for key, value in pairs(config) do
      it[RULES[key] and "rules" or "config"][key] = value
    end
  end
  return it
end

function item.__call(self, config)
  return new_item(self.type, config, self.at)
end

local of = setmetatable({}, {
  __index = function(_, name) return setmetatable({ type = name:upper(), at = faults.here(2) }, item) end,
  __newindex = function() error("`of` takes no new types", 2) end,
})

-- What somebody who writes a name in the place of a slug may mean, "HPCSA Number" -> "hpcsa-number": the slug that a
-- row gets from its name too (mb_slug).
local function slug(name)
  return (name:lower():gsub("[^%w]+", "-"):gsub("^%-", ""):gsub("%-$", ""))
end

local function check_item(name, it, found, at)
  if type(it) ~= "table" or getmetatable(it) ~= item then
    return found:add(at, ("'%s' is a %s"):format(name, type(it)), "write of.text { … }, of.document { … }")
  end
  local function note(text, hint)
    found:add(it.at, ("%s: %s"):format(name, text), hint)
  end
  if name ~= slug(name) then
    note("this is no key of a requirement", ("write '%s'"):format(slug(name)))
  end
  if not TYPES[it.type] then
    return note(("there is no type `of.%s`"):format(it.type:lower()), faults.nearest(it.type, TYPE_NAMES):lower())
  elseif type(it.config) ~= "table" then
    return note(("of.%s takes a table of keys"):format(it.type:lower()))
  end
  judge(it.type, it.config, function(_, text, hint) note(text, hint) end)
  for _, key in ipairs(faults.names_of(it.rules)) do
    if it.rules[key] ~= none and type(it.rules[key]) ~= RULES[key] then
      note(("'%s' is a %s"):format(key, RULES[key]))
    end
  end
end

-- What a file returns. `at` tells where it stands, when that is not where this is called.
local function overrides(provider_type, items, scope, at)
  at = at or faults.here(2, ("validation/requirements of %s"):format(tostring(provider_type)))
  local found = faults.new()
  if type(provider_type) ~= "string" or provider_type ~= slug(provider_type) then
    found:add(at, ("'%s' is no key of a provider type"):format(tostring(provider_type)),
      "its slug, in small letters with hyphens, as general-practitioner")
  end
  if scope ~= nil and (type(scope) ~= "table" or not is_text(scope.organization)) then
    found:add(at, "the third argument is { organization = \"<id>\" }, or nothing for all")
  end
  for _, name in ipairs(faults.names_of(items)) do
    check_item(name, items[name], found, at)
  end
  found:raise()
  return { provider_type = provider_type, organization = scope and scope.organization, items = items }
end

-- ---- merging ----

local book = {}
book.__index = book

-- The keys that an item or a layer sets or takes away.
local function keys_of(it)
  local keys, more = faults.names_of(it.config), faults.names_of(it.rules)
  return table.move(more, 1, #more, #keys + 1, keys)
end

-- All overrides in force. `sources` are { name, rank, overrides }: of two that set the same key of the same
-- requirement, the one for an organization wins over the one for all, then the higher rank; two of the same rank
-- must not.
local function collect(sources)
  local found, layers, seen, organizations = faults.new(), {}, {}, {}
  for _, source in ipairs(sources) do
    local set = source.overrides
    for _, name in ipairs(faults.names_of(set.items)) do
      local it = set.items[name]
      local path = set.provider_type .. "/" .. name
      for _, key in ipairs(keys_of(it)) do
        local id = ("%s/%s %s %d"):format(path, key, set.organization or "", source.rank)
        if seen[id] then
          found:add(it.at, ("%s: '%s' is set at %s too"):format(name, key, seen[id]), "leave it to one of them")
        end
        seen[id] = it.at
      end
      layers[path] = layers[path] or {}
      organizations[set.organization or ""] = true
      table.insert(layers[path], {
        provider_type = set.provider_type, requirement = name,
        source = source.name and source.name .. " (" .. it.at .. ")" or it.at, rank = source.rank,
        organization = set.organization, type = it.type, config = it.config, rules = it.rules,
      })
    end
  end
  found:raise()
  for _, list in pairs(layers) do
    table.sort(list, function(a, b)
      if (a.organization == nil) ~= (b.organization == nil) then
        return a.organization == nil
      end
      return a.rank < b.rank or a.rank == b.rank and a.source < b.source
    end)
  end
  organizations[""] = nil
  return setmetatable({ layers = layers, organizations = faults.names_of(organizations) }, book)
end

local function nearest_or_nil(word, words)
  return faults.nearest(word, words):match "did you mean '(.*)'%?$"
end

-- Why a layer matches no row, and the type at which somebody would look for it; nil when it does.
local function mismatch(layer, known, types, organizations)
  local type_slug = layer.provider_type
  if not known[type_slug] then
    return ("there is no provider type '%s' (%s)"):format(type_slug, faults.nearest(type_slug, types)),
      nearest_or_nil(type_slug, types)
  elseif not known[type_slug][layer.requirement] then
    return ("'%s' is asked no '%s' (%s)"):format(type_slug, layer.requirement,
      faults.nearest(layer.requirement, faults.names_of(known[type_slug]))), type_slug
  elseif layer.organization and not organizations[layer.organization] then
    return ("there is no organization '%s'"):format(layer.organization), type_slug
  end
end

-- What matches no row: a list of { source, reason, providerType = slug of the type that it is about or nearest to, or
-- nil }, in the order of the sources. rows: { providerType = its slug, slug = of a requirement or nil }, one for each
-- requirement and each type without any; those: { id = }, one for each that there is of book.organizations.
function book:unmatched(rows, those)
  local known, organizations, list = {}, {}, {}
  for i = 1, #rows do
    local row = rows[i]
    local of_type = known[row.providerType] or {}
    known[row.providerType] = of_type
    if row.slug then
      of_type[row.slug] = true
    end
  end
  for i = 1, #those do
    organizations[those[i].id] = true
  end
  local types = faults.names_of(known)
  for _, layers in pairs(self.layers) do
    for _, layer in ipairs(layers) do
      local reason, provider_type = mismatch(layer, known, types, organizations)
      if reason then
        list[#list + 1] = { source = layer.source, reason = reason, providerType = provider_type }
      end
    end
  end
  table.sort(list, function(a, b)
    return a.source < b.source or a.source == b.source and a.reason < b.reason
  end)
  return list
end

-- The configuration in force for a row { providerType = slug, slug, validationType, config }: config, where each
-- key came from ({ [key] = source }), what was left out ({ { source, reason } }), for people to read, and the rules
-- beside it: { required =, required_if =, expires = }. config of the row is nil where it cannot be read, which must
-- not stop what is asked beside it.
function book:effective(row, organization)
  local config, sources, ignored, rules = {}, {}, {}, {}
  local bad, stored = {}, row.config or {}
  if not row.config then
    ignored[1] = { source = "database", reason = "it cannot be read" }
  end
  check_keys(row.validationType, stored, function(key, text)
    bad[key] = true
    ignored[#ignored + 1] = { source = "database", reason = text }
  end)
  for key, value in pairs(stored) do
    if not bad[key] then
      config[key], sources[key] = value, "database"
    end
  end
  local why = contradiction(config)
  if why then
    config, sources = {}, {}
    ignored[#ignored + 1] = { source = "database", reason = why }
  end
  for _, layer in ipairs(self.layers[row.providerType .. "/" .. row.slug] or {}) do
    if layer.organization == nil or layer.organization == organization then
      local merged = over(config, layer.config)
      local reason = layer.type ~= row.validationType
        and ("it is about %s, the requirement is %s"):format(layer.type, row.validationType) or contradiction(merged)
      if reason then
        ignored[#ignored + 1] = { source = layer.source, reason = reason }
      else
        config, rules = merged, over(rules, layer.rules)
        for _, key in ipairs(keys_of(layer)) do
          sources[key] = (config[key] ~= nil or rules[key] ~= nil) and layer.source or nil
        end
      end
    end
  end
  return config, sources, ignored, rules
end

return {
  of = of, none = none, item = new_item, overrides = overrides, collect = collect, slug = slug, judge = judge,
}
