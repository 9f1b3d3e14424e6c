-- What is asked of somebody and what counts as an answer, as configurations of eight types. The base is a
-- row of the database; files of validation/requirements/ and of plugins override it key by key:
--
--   local requirement = require "mb.requirement"
--   local of = requirement.of
--   return requirement.overrides("general-practitioner", {
--     ["hpcsa-number"] = of.text { pattern = "^MP\\d{6}$", maxLength = requirement.none },
--   })
--
-- The names are those of the rows, in small letters with hyphens (slug). A third argument
-- { organization = id } limits a file to what is asked for that organization. `none` takes a key away.
-- All faults of a file are told when scripts load; what does not fit a row, or matches none, is told with the
-- effective configuration.
local faults = require "mb.faults"
local pattern = require "mb.pattern"

local none <const> = setmetatable({}, { __name = "none" })

-- ---- dates: days since 1970-01-01 of "YYYY-MM-DD", nil for what is no day ----

local MONTHS <const> = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

local function days_of(text)
  local y, m, d = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not y then
    return
  end
  local year, month, day = tonumber(y), tonumber(m), tonumber(d)
  if month < 1 or month > 12 or day < 1 or day > MONTHS[month] + (month == 2 and is_leap(year) and 1 or 0) then
    return
  end
  local past = year - 1
  local days = past * 365 + past // 4 - past // 100 + past // 400 + day - 719163
  for i = 1, month - 1 do
    days = days + MONTHS[i]
  end
  return days + (month > 2 and is_leap(year) and 1 or 0)
end

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
  formats = { "a file format or a list of them, as \"PDF\"", function(v)
    return is_text(v) or is_list_of(v, is_text)
  end },
  options = { "a list of { value = …, label = … }", function(v) return is_list_of(v, is_option) end },
  other = { "a table of minLength, maxLength and required", function(v) return type(v) == "table" end },
}

local COMMON <const> = { helpText = "text", validationError = "text", placeholder = "text" }

-- Two keys of which the first must not be over the second.
local ORDERED <const> = { { "minLength", "maxLength" }, { "min", "max" }, { "minDate", "maxDate" },
  { "minYear", "maxYear" } }

local TYPES <const> = {
  BOOLEAN = { trueLabel = "text", falseLabel = "text", defaultValue = "flag", mustBeTrue = "flag" },
  DOCUMENT = { expectedFormat = "formats", maxSizeMB = "number" },
  TEXT = {
    minLength = "count", maxLength = "count", pattern = "text", patternError = "text", caseSensitive = "flag",
    trimWhitespace = "flag",
  },
  DATE = { minDate = "day", maxDate = "day", dateFormat = "text", displayFormat = "text" },
  FUTURE_DATE = {
    minDaysInFuture = "count", dateFormat = "text", displayFormat = "text", warningThreshold = "count",
    warningText = "text",
  },
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

-- ---- writing ----

local item = {}

function item.__call(self, config)
  return setmetatable({ type = self.type, at = self.at, config = config }, item)
end

local of = setmetatable({}, {
  __index = function(_, name) return setmetatable({ type = name:upper(), at = faults.here(2) }, item) end,
  __newindex = function() error("`of` takes no new types", 2) end,
})

-- The stable key of a name: "HPCSA Number" -> "hpcsa-number".
local function slug(name)
  return (name:lower():gsub("[^%w]+", "-"):gsub("^%-", ""):gsub("%-$", ""))
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
  local is_sound = true
  check_keys(it.type, it.config, function(_, text, hint)
    is_sound = false
    note(text, hint)
  end)
  local why = is_sound and contradiction(over({}, it.config))
  if why then
    note(why)
  end
end

-- One item, from a place that is no script of ours.
local function new_item(type_name, config, at)
  return setmetatable({ type = type_name, at = at, config = config }, item)
end

-- What a file returns. `at` tells where it stands, when that is not where this is called.
local function overrides(provider_type, items, scope, at)
  at = at or faults.here(2, ("validation/requirements of %s"):format(tostring(provider_type)))
  local found = faults.new()
  if type(provider_type) ~= "string" or provider_type ~= slug(provider_type) then
    found:add(at, ("'%s' is no key of a provider type"):format(tostring(provider_type)),
      "a name in small letters with hyphens, as general-practitioner")
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
      for _, key in ipairs(faults.names_of(it.config)) do
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
        organization = set.organization, type = it.type, config = it.config,
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

-- What matches no row: a list of { source, reason, providerType = key of the type that it is about or nearest to, or
-- nil }, in the order of the sources. rows: { providerType =, name = of a requirement or nil }, one for each
-- requirement and each type without any; those: { id = }, one for each that there is of book.organizations.
function book:unmatched(rows, those)
  local known, organizations, list = {}, {}, {}
  for i = 1, #rows do
    local row = rows[i]
    local of_type = known[slug(row.providerType)] or {}
    known[slug(row.providerType)] = of_type
    if row.name then
      of_type[slug(row.name)] = true
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

-- The configuration in force for a row { providerType, name, validationType, config }: config, where each
-- key came from ({ [key] = source }), and what was left out ({ { source, reason } }), for people to read.
function book:effective(row, organization)
  local config, sources, ignored = {}, {}, {}
  local bad = {}
  check_keys(row.validationType, row.config, function(key, text)
    bad[key] = true
    ignored[#ignored + 1] = { source = "database", reason = text }
  end)
  for key, value in pairs(row.config) do
    if not bad[key] then
      config[key], sources[key] = value, "database"
    end
  end
  local why = contradiction(config)
  if why then
    config, sources = {}, {}
    ignored[#ignored + 1] = { source = "database", reason = why }
  end
  for _, layer in ipairs(self.layers[slug(row.providerType) .. "/" .. slug(row.name)] or {}) do
    if layer.organization == nil or layer.organization == organization then
      local merged = over(config, layer.config)
      local reason = layer.type ~= row.validationType
        and ("it is about %s, the requirement is %s"):format(layer.type, row.validationType) or contradiction(merged)
      if reason then
        ignored[#ignored + 1] = { source = layer.source, reason = reason }
      else
        config = merged
        for key, value in pairs(layer.config) do
          sources[key] = value ~= none and layer.source or nil
        end
      end
    end
  end
  return config, sources, ignored
end

-- ---- answers: { value = text, values = list of texts, other = text, document = table } ----

local function judge_length(text, config)
  local length = utf8.len(text) or #text
  if config.minLength and length < config.minLength then
    return nil, ("needs at least %d characters"):format(config.minLength)
  elseif config.maxLength and length > config.maxLength then
    return nil, ("takes at most %d characters"):format(config.maxLength)
  end
  return text
end

local function judge_other(text, config)
  local rules = config.otherValidation or {}
  if text == nil or text == "" then
    if rules.required then
      return nil, ("say what: %s"):format(config.otherLabel or "other")
    end
    return ""
  end
  return judge_length(text, rules)
end

local function day_or_year(text, config)
  if config.dateFormat == "YYYY" and text:find "^%d%d%d%d$" then
    return days_of(text .. "-01-01"), tonumber(text)
  end
  local days = days_of(text)
  return days, days and tonumber(text:sub(1, 4))
end

local NO_DAY <const> = "must be a day such as 2026-11-26"

-- What an upload calls itself, in capitals: of "a/b.pdf" and "application/pdf" PDF.
local function formats_of(document)
  return (document.fileType or ""):upper():match "[^/]*$", (document.fileName or ""):upper():match "[^.]*$"
end

local JUDGES <const> = {
  BOOLEAN = function(answer, config)
    if answer.value ~= "true" and answer.value ~= "false" then
      return nil, "must be true or false"
    elseif config.mustBeTrue and answer.value ~= "true" then
      return nil, "must be true"
    end
    return answer.value == "true"
  end,
  TEXT = function(answer, config)
    local text = answer.value
    if config.trimWhitespace then
      text = text:match "^%s*(.-)%s*$"
    end
    local sound, why = judge_length(text, config)
    if not sound then
      return nil, why
    end
    if config.pattern then
      local matches = pattern.compile(config.pattern)
      if not (matches(text) or config.caseSensitive == false and (matches(text:upper()) or matches(text:lower()))) then
        return nil, config.patternError or "does not have the form that is asked for"
      end
    end
    return text
  end,
  DOCUMENT = function(answer, config)
    local document = answer.document
    if not document then
      return nil, "needs a document"
    elseif not document.url:find "^https?://[^%s/]+" then
      return nil, "needs the address of a document, https://…"
    elseif config.maxSizeMB and document.fileSize and document.fileSize > config.maxSizeMB * 1048576 then
      return nil, ("is over %s MB"):format(config.maxSizeMB)
    end
    local wanted = config.expectedFormat
    wanted = type(wanted) == "string" and { wanted } or wanted
    local by_type, by_name = formats_of(document)
    for _, format in ipairs(wanted or {}) do
      if format:upper() == by_type or format:upper() == by_name then
        return document
      end
    end
    if wanted then
      return nil, "must be " .. table.concat(wanted, " or ")
    end
    return document
  end,
  DATE = function(answer, config)
    if not days_of(answer.value) then
      return nil, NO_DAY
    elseif config.minDate and answer.value < config.minDate then
      return nil, "must be " .. config.minDate .. " or later"
    elseif config.maxDate and answer.value > config.maxDate then
      return nil, "must be " .. config.maxDate .. " or earlier"
    end
    return answer.value
  end,
  FUTURE_DATE = function(answer, config, today)
    local days = days_of(answer.value)
    if not days then
      return nil, NO_DAY
    end
    local left, least = days - days_of(today), config.minDaysInFuture or 1
    if left < least then
      return nil, ("must be at least %d day%s from today"):format(least, least == 1 and "" or "s")
    elseif config.warningThreshold and left < config.warningThreshold then
      return answer.value, nil, config.warningText or ("ends in %d days"):format(left)
    end
    return answer.value
  end,
  PAST_DATE = function(answer, config, today)
    local days, year = day_or_year(answer.value, config)
    if not days then
      return nil, config.dateFormat == "YYYY" and "must be a year such as 2004" or NO_DAY
    elseif days > days_of(today) then
      return nil, "must not lie in the future"
    elseif config.minYear and year < config.minYear then
      return nil, ("must be %d or later"):format(config.minYear)
    elseif config.maxYear and year > config.maxYear then
      return nil, ("must be %d or earlier"):format(config.maxYear)
    end
    return answer.value
  end,
  NUMBER = function(answer, config)
    local number = answer.value:find "^-?%d+%.?%d*$" and #answer.value <= 15 and tonumber(answer.value)
    if not number then
      return nil, "must be a number"
    elseif config.isInteger and not math.tointeger(number) then
      return nil, "must be a whole number"
    elseif config.min and number < config.min then
      return nil, ("must be at least %s"):format(config.min)
    elseif config.max and number > config.max then
      return nil, ("must be at most %s"):format(config.max)
    elseif config.step then
      local steps = (number - (config.min or 0)) / config.step
      if math.abs(steps - math.floor(steps + 0.5)) > 1e-9 then
        return nil, ("must be in steps of %s"):format(config.step)
      end
    end
    return number
  end,
  PREDEFINED_LIST = function(answer, config)
    local values = answer.values or { answer.value }
    if #values == 0 or #values > 1 and not config.allowMultiple then
      return nil, #values == 0 and "needs a choice" or "takes one choice"
    end
    local known, has_other = {}, false
    for _, option in ipairs(config.options or {}) do
      known[option.value] = true
    end
    for _, value in ipairs(values) do
      local is_other = value == "other" and config.allowOther
      has_other = has_other or is_other
      if not known[value] and not is_other then
        return nil, ("'%s' is not among the choices"):format(value)
      end
    end
    local other, why
    if has_other then
      other, why = judge_other(answer.other, config)
      if not other then
        return nil, why
      end
    end
    return { values = values, otherValue = other }
  end,
}

local WITHOUT_VALUE <const> = { DOCUMENT = true, PREDEFINED_LIST = true }

-- value as it is stored and perhaps a warning, or nil and what is wrong. `today` is "YYYY-MM-DD".
local function judge(type_name, config, answer, today)
  if answer.value == nil and not WITHOUT_VALUE[type_name] then
    return nil, "needs a value"
  end
  local value, why, warning = JUDGES[type_name](answer, config, today)
  if value == nil then
    return nil, config.validationError or why
  end
  return value, nil, warning
end

return { of = of, none = none, item = new_item, overrides = overrides, collect = collect, judge = judge, slug = slug }
