-- What a provider is held to: rows of the database as files of requirements/ and plugins have them, and the provider's
-- answers, which may make something required or tell when it lapses. Days only; instants are for SQL to reckon with.
local days_of = require("validation.day").days_of
local json = require "mb.json"
local log = require "mb.log"
local overrides = require "validation.overrides"
local requirement_types = require "validation.requirement_types"

-- ---- reading ----

-- An answer as it is stored; where its file is, is nobody's business.
local function decoded(text)
  local answer = text and json.decode(text) or nil
  if answer then
    answer.fileId = nil
  end
  return answer
end

-- What functions of a clinic see of an answer: a truth, a text, a number, a list of choices, or what is known of a
-- file.
local function plain(answer)
  if answer.value ~= nil then
    return answer.value
  end
  return answer.values or answer
end

-- As the API tells it: EXPIRED is what was approved, lapsed and was not answered anew.
local function status_of(row)
  if not row.status then
    return "NOT_SUBMITTED"
  end
  local has_lapsed = row.status == "APPROVED" and not row.isCovered or row.status == "PENDING" and not row.submittedAt
  return has_lapsed and "EXPIRED" or row.status
end

-- What is in force for a requirement, whoever is asked.
local function rules_in_force(row)
  local config, sources, ignored, rules = overrides:effective {
    providerType = row.typeSlug, slug = row.slug, validationType = row.validationType,
    config = requirement_types.config_of(row.validationConfig),
  }
  return { config = config, sources = sources, ignored = ignored, rules = rules }
end

-- key: `<provider type>.<requirement>`, by which programs and people know it. answer: the last one; waiting: it, where
-- it stands until its review; approved: the copy that counts; each as it is stored, or nil.
local function read_row(row, in_force)
  local status, answer = status_of(row), decoded(row.documentMetadata)
  return {
    id = row.id, key = row.typeSlug .. "." .. row.slug, row = row, status = status, config = in_force.config,
    sources = in_force.sources, ignored = in_force.ignored, rules = in_force.rules, answer = answer,
    waiting = status == "PENDING" and answer or nil,
    approved = row.isCovered and decoded(row.approvedMetadata) or nil, approvedDay = row.approvedDay,
    isCovered = row.isCovered,
  }
end

-- The future date with whose day a document lapses.
local function find_link(it, items)
  local slug = it.config.expiresWith
  for _, other in ipairs(slug and items or {}) do
    local row = other.row
    if row.typeSlug == it.row.typeSlug and row.slug == slug and row.validationType == "FUTURE_DATE" then
      return other
    end
  end
  if slug then
    it.ignored = table.move(it.ignored, 1, #it.ignored, 1, {})
    it.ignored[#it.ignored + 1] = { source = it.sources.expiresWith,
      reason = ("expiresWith: '%s' is asked no future date '%s'"):format(it.row.typeSlug, slug) }
  end
end

-- ---- judging ----

-- Whether a function of a clinic's file did what it should, and its result. One that fails must not stop the others.
local function ask(it, name, ...)
  local is_done, result = pcall(it.rules[name], ...)
  if is_done and name == "expires" and result ~= nil and not (type(result) == "string" and days_of(result)) then
    is_done, result = false, "it returns no day such as 2026-11-26"
  end
  if not is_done then
    log.error("a rule of a requirement failed", { requirement = it.key, rule = name, error = tostring(result) })
  end
  return is_done, result
end

-- Whether a requirement is required whatever else is answered.
local function is_always_required(row, rules)
  if rules.required_if then
    return false
  elseif rules.required ~= nil then
    return rules.required
  end
  return row.isRequired
end

-- The same of somebody's answers, by slug. it: { key, row, rules }. Where a rule fails the row counts.
local function is_required(it, answers)
  if not it.rules.required_if then
    return is_always_required(it.row, it.rules)
  end
  local is_done, result = ask(it, "required_if", answers)
  if is_done then
    return result and true or false
  end
  return it.row.isRequired
end

-- Since when those are held to it who were approved before, and the day of that where it is to come; nil: at once.
local function held_from(row)
  if row.isRequired then
    return row.heldFrom, row.heldFromDay
  end
  return row.scriptedHeldFrom, row.scriptedHeldFromDay
end

-- The last day on which the approved copy counts by itself.
local function own_last_day(it, answers)
  if it.rules.expires then
    local is_done, day = ask(it, "expires", answers, it.approvedDay)
    return is_done and day or nil
  end
  return it.row.validationType == "FUTURE_DATE" and it.approved and it.approved.value or nil
end

-- Tells of each item isRequired, heldFrom (an instant, or nil) and lastDay (of the approved copy, "2026-11-26", or
-- nil). Once more after something of an item was changed.
local function judge(items)
  local answers = {}
  for _, it in ipairs(items) do
    local of_type = answers[it.row.typeSlug] or {}
    local answer = it.approved or it.waiting
    answers[it.row.typeSlug], of_type[it.row.slug] = of_type, answer and plain(answer)
  end
  for _, it in ipairs(items) do
    local of_type = answers[it.row.typeSlug]
    it.isRequired = it.row.isAsked and is_required(it, of_type)
    it.heldFrom, it.heldFromDay = held_from(it.row)
    it.lastDay = it.isCovered and own_last_day(it, of_type) or nil
  end
  for _, it in ipairs(items) do
    it.lastDay = it.lastDay or it.isCovered and it.link and it.link.lastDay or nil
  end
  return items
end

-- The items of the rows of one provider, judged. known: by requirement, what an earlier call found in force.
local function read(rows, known)
  local items = {}
  known = known or {}
  for i = 1, #rows do
    local row = rows[i]
    known[row.id] = known[row.id] or rules_in_force(row)
    items[i] = read_row(row, known[row.id])
  end
  for _, it in ipairs(items) do
    it.link = find_link(it, items)
    it.warningThreshold = it.config.warningThreshold or it.link and it.link.config.warningThreshold
  end
  return judge(items)
end

-- ---- telling ----

-- As mb_settle_compliance takes them.
local function rules_of(items)
  local list = json.array()
  for i, it in ipairs(items) do
    list[i] = {
      id = it.id, required = it.isRequired, from = it.heldFrom, ["until"] = it.lastDay,
      warn = it.warningThreshold,
    }
  end
  return list
end

-- What the provider should know of it beside its status, or nil. today: "2026-11-26" where they are.
local function warning(it, today)
  local left = it.lastDay and days_of(it.lastDay) - days_of(today)
  if left and it.warningThreshold and left <= it.warningThreshold then
    return it.config.warningText or ("ends in %d days"):format(left)
  elseif it.isRequired and not it.isCovered and it.heldFromDay then
    return ("required from %s on"):format(it.heldFromDay)
  end
end

-- Whether a script makes required, of some or of all, what its row does not.
local function is_scripted(row)
  local rules = rules_in_force(row).rules
  return not row.isRequired and (rules.required or rules.required_if) and true or false
end

return {
  read = read, judge = judge, rules_of = rules_of, warning = warning, is_scripted = is_scripted,
  is_required = is_required, is_always_required = is_always_required,
}
