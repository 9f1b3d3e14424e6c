-- Requirement configurations: what is refused when files load, what overrides what, and which answers
-- do. Over HTTP: tests/domain/requirements_spec.lua.

package.path = "lua/?.lua;" .. package.path

local pattern = require "mb.pattern"
local requirement = require "validation.requirement"
local requirement_answer = require "validation.requirement_answer"
local slugs = require "fixtures.slugs"

local of <const> = requirement.of

describe("a pattern", function()
  it("is found where it stands", function()
    for _, case in ipairs {
      { "^MP\\d{6}$", "MP123456", true }, { "^MP\\d{6}$", "MP12345", false }, { "^MP\\d{6}$", "xMP123456", false },
      { "a|b", "xxb", true }, { "^(a|b)*$", "abab", true }, { "^(a|b)*$", "abac", false }, { "^a+$", "", false },
      { "^[A-Z]{2,3}-?\\d+$", "AB-1", true }, { "^[A-Z]{2,3}-?\\d+$", "ABCD1", false }, { "^[^0-9]+$", "a1", false },
      { "^.$", "é", true }, { "^.$", "\n", false }, { "^(?:ab){2}$", "abab", true }, { "", "x", true },
      { "^$", "", true }, { "^$", "x", false }, { "\\.", "ab", false }, { "^a?b?c$", "c", true },
      { "^a{2,}$", "a", false }, { "^a{2,}$", "aaaa", true }, { "^[\\d-]+$", "1-2", true }, { "^[]]", "]", false },
      { "^\\D\\W\\S\\s$", "a.b ", true }, { "^\\w$", "-", false }, { "^(MP|PS)\\d{2}$", "PS12", true },
      { "^[\\]a]$", "]", true }, { "^a{3}$", "aaaa", false }, { "^(a|ab)(c|bcd)$", "abcd", true },
    } do
      assert.equal(case[3], assert(pattern.compile(case[1]))(case[2]), case[1] .. " in " .. case[2])
    end
  end)

  it("takes a text's length, whatever it repeats", function()
    local matches = pattern.compile "^((a*)*)*$"
    assert.is_false(matches(("a"):rep(900) .. "b"))
    assert.is_true(matches(("a"):rep(900)))
  end)

  it("repeats nothing without effort", function()
    local steps = 0
    debug.sethook(function() steps = steps + 1 end, "", 1000)
    local matches = pattern.compile "(?:(?:(?:){999}){999}){99}a"
    debug.sethook()
    assert.is_true(steps < 100, steps)
    assert.is_true(matches "a")
    assert.is_false(matches "b")
  end)

  it("says what is wrong with it", function()
    for text, why in pairs {
      ["("] = "a group is not closed", [")"] = "closed that was not opened", ["a{2"] = "a count is written",
      ["[a"] = "a bracket is not closed", ["*"] = "repeats nothing", ["\\"] = "a backslash stands at the end",
      ["a{3,2}"] = "a count goes backwards", ["\\q"] = "\\q is not known", ["(?=a)"] = "groups are written",
      ["[b-a]"] = "a range in brackets goes backwards", ["(a{100}){9}"] = "over 400 steps",
      [("a"):rep(501)] = "at most 500 bytes", ["\xff"] = "a pattern is UTF-8", ["a**"] = "repeats nothing",
    } do
      local made, found = pattern.compile(text)
      assert.is_nil(made)
      assert.matches(why, found, 1, true)
    end
  end)
end)

-- What `f` is refused with, lines counted from `f`.
local function refusal(f)
  local first = debug.getinfo(f, "S").linedefined
  local ok, text = pcall(f)
  assert.is_false(ok, "it was accepted")
  return (text:gsub("[%w_/.]*requirements_spec%.lua:(%d+)", function(line) return line - first end))
end

describe("a file of requirements", function()
  it("tells every fault at once, with line and what to do", function()
    local text = refusal(function()
      local made = requirement.overrides("General Practitioner", {
        ["a"] = of.txt {},
        ["b"] = of.text { minLenght = 1, maxLength = "8" },
        ["c"] = of.number { min = 2, max = 1 },
        ["d"] = of.text { pattern = "(" },
        ["e"] = of.future_date { minDaysInFuture = -1 },
        ["f"] = of.document,
        ["G h"] = of.date { minDate = "2026-02-29" },
        ["i"] = { minLength = 1 },
        ["j"] = of.predefined_list { options = { { value = "x" } } },
        ["k"] = of.past_date { dateFormat = "DD/MM" },
      }, { organisation = "x" })
      return made
    end)
    assert.equal(table.concat({
      "1: 'General Practitioner' is no key of a provider type (its slug, in small letters with hyphens, as "
        .. "general-practitioner)",
      "1: the third argument is { organization = \"<id>\" }, or nothing for all",
      "1: 'i' is a table (write of.text { … }, of.document { … })",
      "2: a: there is no type `of.txt` (did you mean 'text'?)",
      "3: b: 'maxLength' is a whole number from 0 to 1000000",
      "3: b: unknown key 'minLenght' of TEXT (did you mean 'minLength'?)",
      "4: c: 'min' is over 'max': no answer would do",
      "5: d: 'pattern': a group is not closed at character 2",
      "6: e: 'minDaysInFuture' is a whole number from 0 to 1000000",
      "7: f: of.document takes a table of keys",
      "8: G h: this is no key of a requirement (write 'g-h')",
      "8: G h: 'minDate' is a day such as 2026-11-26",
      "10: j: 'options' is a list of { value = …, label = … }",
      "11: k: 'dateFormat' is YYYY-MM-DD or YYYY",
    }, "\n"), text)
    assert.matches("no new types", refusal(function() of.text = 1 end), 1, true)
  end)

  it("says of what kind the rules beside a configuration are", function()
    local text = refusal(function()
      return requirement.overrides("dentist", {
        ["a"] = of.text { required = "yes", required_if = true, expires = "2026-11-26", maxLength = 1 },
        ["b"] = of.text { required = false, required_if = function() end, expires = requirement.none },
      })
    end)
    assert.equal(table.concat({
      "2: a: 'expires' is a function", "2: a: 'required' is a boolean", "2: a: 'required_if' is a function",
    }, "\n"), text)
  end)

  it("makes slugs of names as the schema does", function()
    for name, slug in pairs(slugs) do assert.equal(slug, requirement.slug(name), name) end
  end)
end)

describe("what is in force", function()
  local ROW <const> = {
    providerType = "dentist", slug = "the-number", validationType = "TEXT",
    config = { minLength = 2, maxLength = 4, helpText = "h" },
  }

  local function source(rank, items, organization, name)
    local scope = organization and { organization = organization }
    return { rank = rank, name = name, overrides = requirement.overrides("dentist", items, scope) }
  end

  it("comes key by key from the row, our files, plugins and those for one organization", function()
    local book = requirement.collect {
      source(2, { ["the-number"] = of.text { maxLength = 7, placeholder = "p" } }, nil, "plugin clinic.x"),
      source(1, { ["the-number"] = of.text { maxLength = 6, minLength = requirement.none } }),
      source(1, { ["the-number"] = of.text { maxLength = 9 } }, "o"),
      source(1, { ["another"] = of.text { maxLength = 1 } }),
    }
    local config, sources, ignored = book:effective(ROW)
    assert.same({ maxLength = 7, helpText = "h", placeholder = "p" }, config)
    assert.matches("^plugin clinic%.x %([%w_/.]+:%d+%)$", sources.maxLength)
    assert.equal("database", sources.helpText)
    assert.is_nil(sources.minLength)
    assert.same({}, ignored)
    config, sources = book:effective(ROW, "o")
    assert.equal(9, config.maxLength)
    assert.matches("^[%w_/.]+:%d+$", sources.maxLength)
    assert.equal(7, book:effective(ROW, "p").maxLength)
    book = requirement.collect { source(1, { ["the-number"] = of.text { caseSensitive = false } }) }
    assert.is_false(book:effective(ROW).caseSensitive)
  end)

  it("tells beside the configuration whether it is required, and how long it counts", function()
    local function ours() return true end
    local book = requirement.collect {
      source(1, { ["the-number"] = of.text { required = true, required_if = ours, expires = ours, maxLength = 3 } }),
      source(2, { ["the-number"] = of.text { required = false, expires = requirement.none } }),
    }
    local config, sources, _, rules = book:effective(ROW)
    assert.same({ minLength = 2, maxLength = 3, helpText = "h" }, config)
    assert.same({ required = false, required_if = ours }, rules)
    assert.matches("^[%w_/.]+:%d+$", sources.required)
    assert.is_nil(sources.expires)
    local _, why = pcall(requirement.collect, {
      source(1, { ["the-number"] = of.text { required = true } }),
      source(1, { ["the-number"] = of.text { required = false } }),
    })
    assert.matches("'required' is set at .* too", tostring(why))
  end)

  it("leaves out what does not fit, and says so", function()
    local book = requirement.collect {
      source(1, { ["the-number"] = of.number { max = 3 } }),
      source(2, { ["the-number"] = of.text { maxLength = 1 } }),
    }
    local config, _, ignored = book:effective(ROW)
    assert.same(ROW.config, config)
    assert.equal("it is about NUMBER, the requirement is TEXT", ignored[1].reason)
    assert.equal("'minLength' is over 'maxLength': no answer would do", ignored[2].reason)
    local row = { providerType = "dentist", slug = "x", validationType = "TEXT",
                  config = { regex = "x", maxLength = "5", pattern = "^a$" } }
    config, _, ignored = book:effective(row)
    assert.same({ pattern = "^a$" }, config)
    assert.same({ { source = "database", reason = "'maxLength' is a whole number from 0 to 1000000" },
                  { source = "database", reason = "unknown key 'regex' of TEXT" } }, ignored)
    row.config = nil -- what cannot be read
    config, _, ignored = book:effective(row)
    assert.same({ {}, { { source = "database", reason = "it cannot be read" } } }, { config, ignored })
    row.config = { pattern = "(" }
    config, _, ignored = book:effective(row)
    assert.same({}, config)
    assert.matches("a group is not closed", ignored[1].reason, 1, true)
  end)

  it("is never decided by chance: two of one rank do not set one key", function()
    local text = refusal(function()
      requirement.collect {
        source(2, { ["the-number"] = of.text { maxLength = 7, minLength = 1 } }, nil, "plugin a"),
        source(2, { ["the-number"] = of.text { maxLength = 8 } }, nil, "plugin b"),
        source(2, { ["the-number"] = of.text { maxLength = 9 } }, "o", "plugin c"),
      }
    end)
    assert.equal("3: the-number: 'maxLength' is set at 2 too (leave it to one of them)", text)
  end)
end)

describe("an answer", function()
  local TODAY <const> = "2026-11-26"
  local jpeg <const> = { fileName = "a", fileType = "image/jpeg" }
  local pdf <const> = { url = "https://example.org/a", fileName = "a.PDF", fileSize = 1048576 }

  -- type, configuration, answer, value that is kept (nil = refused), what is said
  for i, case in ipairs {
    { "BOOLEAN", {}, { value = "false" }, false }, { "BOOLEAN", {}, { value = "no" }, nil, "must be true or false" },
    { "BOOLEAN", { mustBeTrue = true }, { value = "false" }, nil, "must be true" },
    { "BOOLEAN", { mustBeTrue = true, validationError = "e" }, { value = "false" }, nil, "e" },
    { "BOOLEAN", {}, {}, nil, "needs a value" },
    { "TEXT", { minLength = 2 }, { value = "ä" }, nil, "needs at least 2 characters" },
    { "TEXT", { maxLength = 2 }, { value = "äöü" }, nil, "takes at most 2 characters" },
    { "TEXT", { maxLength = 2, trimWhitespace = true }, { value = "  ab " }, "ab" },
    { "TEXT", { pattern = "^MP\\d$" }, { value = "mp1" }, nil, "does not have the form that is asked for" },
    { "TEXT", { pattern = "^MP\\d$", patternError = "e" }, { value = "x" }, nil, "e" },
    { "TEXT", { pattern = "^MP\\d$", caseSensitive = false }, { value = "mp1" }, "mp1" },
    { "DOCUMENT", {}, { value = "x" }, nil, "needs a document" },
    { "DOCUMENT", {}, { document = { url = "javascript:x" } }, nil, "needs the address of a document, https://…" },
    { "DOCUMENT", { expectedFormat = "PDF", maxSizeMB = 1 }, { document = pdf }, pdf },
    { "DOCUMENT", { expectedFormat = { "PNG", "JPG" } }, { document = pdf }, nil, "must be PNG or JPG" },
    { "DOCUMENT", { expectedFormat = { "PNG", "JPG" } }, { document = jpeg }, jpeg },
    { "DOCUMENT", { expectedFormat = "PDF" }, { document = { fileName = "a.doc" } }, nil, "must be PDF" },
    { "DOCUMENT", { maxSizeMB = 0.5 }, { document = pdf }, nil, "is over 0.5 MB" },
    { "DATE", {}, { value = "2026-02-29" }, nil, "must be a day such as 2026-11-26" },
    { "DATE", { minDate = "2026-01-02" }, { value = "2026-01-01" }, nil, "must be 2026-01-02 or later" },
    { "DATE", { maxDate = "2026-01-02" }, { value = "2026-01-03" }, nil, "must be 2026-01-02 or earlier" },
    { "DATE", { maxDate = "2026-01-02" }, { value = "2026-01-02" }, "2026-01-02" },
    { "DATE", {}, { value = "2000-02-29" }, "2000-02-29" }, { "DATE", {}, { value = "1900-02-29" }, nil,
      "must be a day such as 2026-11-26" },
    { "FUTURE_DATE", {}, { value = "2026-11-26" }, nil, "must be at least 1 day from today" },
    { "FUTURE_DATE", { minDaysInFuture = 30 }, { value = "2026-12-25" }, nil, "must be at least 30 days from today" },
    { "FUTURE_DATE", { minDaysInFuture = 30 }, { value = "2026-12-26" }, "2026-12-26" },
    { "FUTURE_DATE", { minDaysInFuture = 100 }, { value = "2027-03-06" }, "2027-03-06" },
    { "FUTURE_DATE", { minDaysInFuture = 100 }, { value = "2027-03-05" }, nil, "must be at least 100 days from today" },
    { "PAST_DATE", {}, { value = "2026-11-26" }, nil, "must lie in the past" },
    { "PAST_DATE", {}, { value = "2026-11-25" }, "2026-11-25" },
    { "PAST_DATE", { dateFormat = "YYYY" }, { value = "2026" }, "2026" },
    { "PAST_DATE", { dateFormat = "YYYY" }, { value = "2026-11-26" }, nil, "must lie in the past" },
    { "PAST_DATE", { dateFormat = "YYYY", minYear = 1960 }, { value = "1959" }, nil, "must be 1960 or later" },
    { "PAST_DATE", { dateFormat = "YYYY" }, { value = "2027" }, nil, "must lie in the past" },
    { "PAST_DATE", { dateFormat = "YYYY", maxYear = 2020 }, { value = "2021" }, nil, "must be 2020 or earlier" },
    { "PAST_DATE", { dateFormat = "YYYY" }, { value = "04" }, nil, "must be a year such as 2004" },
    { "NUMBER", {}, { value = "1e3" }, nil, "must be a number" }, { "NUMBER", {}, { value = "-1.5" }, -1.5 },
    { "NUMBER", { isInteger = true }, { value = "1.5" }, nil, "must be a whole number" },
    { "NUMBER", { min = 1 }, { value = "0" }, nil, "must be at least 1" },
    { "NUMBER", { max = 1 }, { value = "2" }, nil, "must be at most 1" },
    { "NUMBER", { min = 1, step = 0.1 }, { value = "1.3" }, 1.3 },
    { "NUMBER", { step = 5 }, { value = "7" }, nil, "must be in steps of 5" },
    { "PREDEFINED_LIST", { options = { { value = "a", label = "A" } } }, { value = "a" }, { values = { "a" } } },
    { "PREDEFINED_LIST", { options = { { value = "a", label = "A" } } }, { value = "b" }, nil,
      "'b' is not among the choices" },
    { "PREDEFINED_LIST", { options = { { value = "a", label = "A" } } }, { value = "other" }, nil,
      "'other' is not among the choices" },
    { "PREDEFINED_LIST", {}, {}, nil, "needs a choice" },
    { "PREDEFINED_LIST", { options = { { value = "a", label = "A" } } }, { values = { "a", "a" } }, nil,
      "takes one choice" },
    { "PREDEFINED_LIST", { allowMultiple = true, options = { { value = "a", label = "A" } } },
      { values = { "a", "a" } }, { values = { "a", "a" } } },
    { "PREDEFINED_LIST", { allowOther = true, otherValidation = { required = true } }, { value = "other" }, nil,
      "say what: other" },
    { "PREDEFINED_LIST", { allowOther = true, otherValidation = { minLength = 3 } }, { value = "other", other = "x" },
      nil, "needs at least 3 characters" },
    { "PREDEFINED_LIST", { allowOther = true }, { value = "other", other = "x" },
      { values = { "other" }, otherValue = "x" } },
  } do
    it(("to %s is %s (%d)"):format(case[1], case[4] == nil and "refused: " .. case[5] or "kept", i), function()
      local value, why = requirement_answer.judge(case[1], case[2], case[3], TODAY)
      assert.same(case[4], value)
      assert.equal(case[5], why)
    end)
  end

  it("that will lapse soon is kept with a warning", function()
    local config = { minDaysInFuture = 30, warningThreshold = 60 }
    local value, why, warning = requirement_answer.judge("FUTURE_DATE", config, { value = "2026-12-31" }, TODAY)
    assert.same({ "2026-12-31", "ends in 35 days" }, { value, warning })
    assert.is_nil(why)
    config.warningText = "renew"
    assert.equal("renew", select(3, requirement_answer.judge("FUTURE_DATE", config, { value = "2026-12-31" }, TODAY)))
    assert.is_nil(select(3, requirement_answer.judge("FUTURE_DATE", config, { value = "2027-01-25" }, TODAY)))
  end)
end)
