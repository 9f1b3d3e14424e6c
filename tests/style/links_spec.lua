-- The documents name files that exist: links, and paths in code spans. A file that a document shows in
-- a tested block (`<!-- tested: path -->`) is the reader's to make.

local lfs = require "lfs"
local paths = require "support.paths"
local tree = require "support.tree"

local TOP <const> = { src = true, lua = true, migrations = true, tests = true, examples = true, plugins = true }

local function without_blocks(text) return (text:gsub("\n```.-\n```", "\n")) end

local function check_links(path, text, wrong)
  local folder = path:match "^(.*)/[^/]*$" or "."
  for target in text:gmatch "%]%(([^)#%s]+)[^)]*%)" do
    if not target:match "^%a+:" and not lfs.attributes(folder .. "/" .. target) then
      wrong[#wrong + 1] = ("%s: link to %s"):format(path, target)
    end
  end
end

local function check_spans(path, text, wrong)
  for span in text:gmatch "`([%w_./-]+)`" do
    local top = span:match "^(%l+)/"
    local is_shown = text:find("<!-- tested: " .. span .. " -->", 1, true)
    if TOP[top] and not is_shown and not lfs.attributes(span) then
      wrong[#wrong + 1] = ("%s: names %s"):format(path, span)
    end
  end
end

describe("the documents", function()
  it("name only files that exist", function()
    local wrong = {}
    for _, path in ipairs(tree.files("", ".md")) do
      local text = without_blocks("\n" .. paths.read(path))
      check_links(path, text, wrong)
      check_spans(path, text, wrong)
    end
    tree.expect_none(wrong)
  end)
end)
