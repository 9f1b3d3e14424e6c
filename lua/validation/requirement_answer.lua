-- Whether an answer to a requirement would do, by its configuration (validation/requirement.lua). An answer is
-- { value = text, number or boolean, values = list of texts, other = text, document = table }.
local file_type = require "mb.file_type"
local pattern = require "mb.pattern"
local days_of = require("validation.day").days_of
local with = require "mb.with"

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

-- Days since 1970, the year, and whether the year alone was given.
local function day_or_year(text, config)
  if config.dateFormat == "YYYY" and text:find "^%d%d%d%d$" then
    return days_of(text .. "-01-01"), tonumber(text), true
  end
  local days = days_of(text)
  return days, days and tonumber(text:sub(1, 4)), false
end

local NO_DAY <const> = "must be a day such as 2026-11-26"

-- What a document says that it is (mb.file_type), by its media type or else the end of its name; nil.
local function format_of(document)
  return file_type.named(document.fileType or "") or file_type.named((document.fileName or ""):match "[^.]*$")
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
    elseif document.url and not document.url:find "^https?://[^%s/]+" then
      return nil, "needs the address of a document, https://…"
    elseif config.maxSizeMB and document.fileSize and document.fileSize > config.maxSizeMB * 1048576 then
      return nil, ("is over %s MB"):format(config.maxSizeMB)
    end
    local wanted = config.expectedFormat
    wanted = type(wanted) == "string" and { wanted } or wanted
    local found = format_of(document)
    for _, format in ipairs(wanted or {}) do
      if found and file_type.named(format) == found then
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
    local days, year, is_year = day_or_year(answer.value, config)
    if not days then
      return nil, config.dateFormat == "YYYY" and "must be a year such as 2004" or NO_DAY
    elseif is_year and year > tonumber(today:sub(1, 4)) or not is_year and days >= days_of(today) then
      return nil, "must lie in the past"
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

-- The text that judges look at, of a value as JSON has it; nil when this type takes none of its kind.
local function text_of(value, type_name, config)
  if type(value) == "boolean" then
    return type_name == "BOOLEAN" and tostring(value) or nil
  elseif type(value) == "number" then
    local takes = type_name == "NUMBER" or type_name == "PAST_DATE" and config.dateFormat == "YYYY"
    return takes and (math.tointeger(value) and ("%d"):format(math.tointeger(value)) or ("%.15g"):format(value)) or nil
  end
  return value
end

local WITHOUT_VALUE <const> = { DOCUMENT = true, PREDEFINED_LIST = true }

-- value as it is stored and perhaps a warning, or nil and what is wrong. `today` is "YYYY-MM-DD" where the provider
-- is. A PAST_DATE excludes it; a year alone (dateFormat YYYY) may be the current one.
local function judge(type_name, config, answer, today)
  if answer.value == nil and not WITHOUT_VALUE[type_name] then
    return nil, "needs a value"
  end
  local text = text_of(answer.value, type_name, config)
  if text == nil and answer.value ~= nil then
    return nil, config.validationError or "must be a text"
  end
  local value, why, warning = JUDGES[type_name](with(answer, { value = text }), config, today)
  if value == nil then
    return nil, config.validationError or why
  end
  return value, nil, warning
end

return { judge = judge }
