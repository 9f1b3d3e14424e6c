-- Permission rules as they are written: what is refused, with which words, and how a rule reads. How
-- rules are judged stands in tests/fixtures/engines/facts.lua, with rows in permissions_spec.lua.

package.path = "lua/?.lua;" .. package.path

local rule = require "mb.rule"
local vocabulary = require "mb.vocabulary"

local WORDS <const> = vocabulary.new {
  platform_roles = { "USER", "ADMIN" },
  organization_permissions = { "MANAGE_BOOKINGS", "VIEW_ANALYTICS" },
  organization_roles = { { name = "STAFF", permissions = {} }, { name = "OWNER", permissions = { "VIEW_ANALYTICS" } } },
}
local COLUMNS <const> = {
  owner = "clientId", provider = "providerId", organization = "organizationId", location = "locationId", token = true,
  shown = "isOpen",
}
local may <const> = rule.writer(WORDS)

-- What `f` is refused with, its lines without the file and with the line counted from `f`.
local function refusal(f, ...)
  local first = debug.getinfo(f, "S").linedefined
  local ok, text = pcall(f, ...)
  assert.is_false(ok, "it was accepted")
  return (text:gsub("[%w_/.]*permission_rules_spec%.lua:(%d+)", function(line) return line - first end))
end

-- The lines of a text in order.
local function sorted(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  table.sort(lines)
  return table.concat(lines, "\n")
end

describe("a permission rule", function()
  it("tells every fault of its file at once, with line and what to do", function()
    local text = refusal(function()
      return may.rules("bookings", COLUMNS, {
        view = may.any { may.onwer, may.platform_role "ADMN" },
        cancel = may.organization_permission "MANAGE_BOOKING",
        confirm = may.organization_role "ADMIN",
        close = may.organization_role,
        open = may.any { "owner", may.owner },
        move = may.any {},
        lock = may.owner(),
        Bad = may.owner,
        read = may.all { may.public, may.owner },
        hide = may.none { may.owner },
        keep = may.all { may.none { may.owner }, may.none { may.token_holder } },
        drop = function() return true end,
        name = may.any { may.owner, unless = may.token_holder },
        role = may.platform_role(),
        may.owner,
      })
    end)
    assert.equal(table.concat({
      "permissions/bookings.lua: a rule has no name of an action (write view = may.owner)",
      "permissions/bookings.lua: 'Bad' is no name of an action (names are of small letters and _)",
      "permissions/bookings.lua: the rule of 'drop' is a function (rules are written may.owner, may.any { … })",
      "2: there is no rule `may.onwer` (did you mean 'owner'?)",
      "2: 'ADMN' is not a platform role (did you mean 'ADMIN'?)",
      "3: 'MANAGE_BOOKING' is not an organization permission (did you mean 'MANAGE_BOOKINGS'?)",
      "4: 'ADMIN' is not an organization role (there are OWNER, STAFF)",
      "5: `organization_role` takes a word",
      "6: entry 1 of `any` is a string, not a rule (rules are written may.owner, may.any { … })",
      "7: `any` takes a list of rules (write may.any { may.owner, may.signed_in })",
      "8: `owner` takes nothing: write may.owner",
      "10: `public` stands alone, not inside `all`: it lets in everybody",
      "11: `none` says only who may not (put it into may.all { … } beside a rule that says who may)",
      "12: `none` says only who may not (put it into may.all { … } beside a rule that says who may)",
      "14: `any` takes a list of rules, without the key 'unless'",
      "15: platform_role takes a platform role (there are USER, ADMIN)",
    }, "\n"), text)
  end)

  it("speaks only of columns that its resource names", function()
    assert.equal("2: `owner` says nothing about houses, which name no `owner` "
      .. "(name the column: may.rules(\"houses\", { owner = … }, …))",
      refusal(function()
        local columns = { organization = "id" }
        return may.rules("houses", columns, { see = may.owner, run = may.organization_role "OWNER" })
      end))
  end)

  it("belongs to a resource, whose columns are told first", function()
    assert.matches("'Me' is no name of a resource", refusal(function()
      return may.rules("Me", {}, { use = may.signed_in })
    end), 1, true)
    for _, actions in ipairs { false, {} } do
      assert.matches("me have no rule", refusal(function() return may.rules("me", {}, actions or nil) end), 1, true)
    end
    assert.equal(table.concat({
      "permissions/things.lua: things have a location but no organization, whose members it could limit",
      "permissions/things.lua: things have the unknown column 'plaice' "
        .. "(there are location, organization, owner, provider, shown, token)",
      "permissions/things.lua: things: `owner` is a string",
    }, "\n"), sorted(refusal(function()
      local columns = { owner = 7, plaice = "x", location = "x" }
      return may.rules("things", columns, { see = may.signed_in })
    end)))
  end)

  it("is told where a name is used that is none", function()
    local rules = may.rules("me", {}, { use = may.signed_in })
    assert.equal("1: there is no rule 'sue' (did you mean 'use'?)",
      (refusal(function() return rules.sue end):gsub("^0", "1")))
  end)

  it("has no kinds but its own", function()
    assert.matches("takes no new kinds", refusal(function() may.friend = may.owner end), 1, true)
  end)

  it("says whether it needs a row", function()
    local rules = may.rules("bookings", COLUMNS, {
      a = may.public, b = may.signed_in, c = may.platform_role "ADMIN", d = may.owner,
      e = may.all { may.signed_in, may.any { may.platform_role "ADMIN", may.token_holder } },
    })
    assert.same({ false, false, false, true, true }, { rules.a.needs_row, rules.b.needs_row, rules.c.needs_row,
      rules.d.needs_row, rules.e.needs_row })
  end)

  it("reads as one line", function()
    local inner = may.any { may.owner, may.token_holder }
    for text, it in pairs {
      ["everybody"] = may.public,
      ["whoever is signed in"] = may.signed_in,
      ["everybody where `isOpen` is true"] = may.shown,
      ["platform role ADMIN or higher"] = may.platform_role "ADMIN",
      ["the provider in `providerId`"] = may.provider_self,
      ["MANAGE_BOOKINGS in its organization, within the locations and providers of their membership"] =
        may.organization_permission "MANAGE_BOOKINGS",
      ["the user in `clientId`, or whoever holds its token"] = inner,
      ["whoever is signed in, and (the user in `clientId`, or whoever holds its token)"] =
        may.all { may.signed_in, inner },
      ["whoever is signed in, and not the user in `clientId`"] = may.all { may.signed_in, may.none { may.owner } },
      ["whoever is signed in, and not (the user in `clientId`, or the provider in `providerId`)"] =
        may.all { may.signed_in, may.none { may.owner, may.provider_self } },
    } do
      assert.equal(text, rule.describe(may.rules("bookings", COLUMNS, { it = it }).it))
    end
    assert.equal("role STAFF or higher in its organization",
      rule.describe(may.rules("houses", { organization = "id" }, { it = may.organization_role "STAFF" }).it))
  end)
end)

describe("a vocabulary", function()
  it("tells every fault at once", function()
    local text = refusal(function()
      local made = vocabulary.new {
        platform_roles = { "USER", "USER" }, organization_permissions = { "PAY", "look" }, colour = "red",
        organization_roles = { { name = "STAFF", permissions = { "PLAY" } }, { name = "OWNER" } },
      }
      return made
    end)
    assert.equal(table.concat({
      "1: unknown key 'colour' of a vocabulary (there are platform_roles, organization_permissions, "
        .. "organization_roles)",
      "1: platform_roles names USER twice",
      "1: organization_permissions[2] is no word of capitals",
      "1: organization role STAFF has 'PLAY', which is no organization permission (did you mean 'PAY'?)",
      "1: organization role OWNER says no `permissions`: a list, {} for none",
    }, "\n"), text)
  end)

  it("needs all its parts", function()
    local text = refusal(function() local made = vocabulary.new {} return made end)
    for _, part in ipairs { "platform_roles", "organization_permissions", "organization_roles" } do
      assert.matches("`" .. part .. "` is missing", text, 1, true)
    end
  end)
end)
