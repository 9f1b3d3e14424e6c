-- medbookd console, out of a pipe and at a terminal.
local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

describe("medbookd console", function()
  local database

  setup(function() database = cluster.fresh "demo" end)

  local function run(command, texts)
    return process.run(command, {
      input = table.concat(texts, "\n") .. "\n", within = 60,
      env = { MEDBOOKD_DATABASE_URL = database.url, MEDBOOKD_DATA_DIR = temp.dir(), MEDBOOKD_HOME = paths.root },
    })
  end

  local function console(texts, ...) return run({ paths.binary(), "console", ... }, texts) end

  -- At a terminal that script(1) makes.
  local function at_terminal(texts, history)
    local command = ("%s console --history %s"):format(paths.binary(), history)
    return run({ "script", "-qec", command, "/dev/null" }, { table.concat(texts, "\n"), "exit" })
  end

  it("shows what a text is: values, tables, nothing", function()
    local r = console { "1 + 1", "'text'", "{ b = { 1, 'x' }, a = true }", "x = 3", "x * 2, nil", "" }
    assert.same({ 0, "2\ntext\n{ a = true, b = { 1, \"x\" } }\n6\tnil\n", "" }, { r.code, r.out, r.err })
  end)

  it("shows rows as a table, in the order of their columns", function()
    local r = console {
      [[sql("SELECT $1::integer AS z, 'h\u{e4}llo' AS a, NULL AS n UNION ALL SELECT 12, 'x', 'y'", 1)]],
    }
    assert.equal("z   a      n\n1   h\u{e4}llo\n12  x      y\n(2 rows)\n", r.out)
  end)

  it("takes a text over several lines", function()
    local r = console { "for i = 1, 2 do", "  print(i)", "end", "'after'" }
    assert.equal("1\n2\nafter\n", r.out)
  end)

  it("has the scripts of the installation and what they wait for", function()
    local r = console {
      'db.query(require("queries.users").profile, "nobody")', '#sql [[SELECT * FROM "Provider"]] > 10',
    }
    assert.matches("(0 rows)\ntrue\n", r.out, 1, true)
  end)

  it("ends at the first text that fails, with the reason and 1", function()
    for text, reason in pairs {
      ['error "no luck"'] = "console:1: no luck\nstack traceback:",
      ["return )"] = "console:1: unexpected symbol near ')'",
      ["sql 'SELECT 1 / 0'"] = "division by zero (SQLSTATE 22012)",
      ["nothing.x"] = "undefined global 'nothing'",
    } do
      local r = console { text, "print 'never'" }
      assert.same({ 1, "" }, { r.code, r.out })
      assert.matches(reason, r.err, 1, true)
    end
    local open = console { "return (" }
    assert.equal(1, open.code)
    assert.matches("the last text does not end", open.err, 1, true)
  end)

  it("cannot write, whatever is tried", function()
    local add = [[sql("INSERT INTO \"User\" (\"id\") VALUES ('console')")]]
    for _, before in ipairs {
      "0", "sql 'COMMIT'", "sql 'SET default_transaction_read_only = off'", "sql 'SET transaction_read_only = off'",
      "sql 'ROLLBACK'", "sql 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE'",
    } do
      local r = console { before, add }
      assert.equal(1, r.code, before)
      assert.matches("read%-only transaction", r.err)
    end
    local tx = console { 'q = require "queries.jobs"',
      'db.tx(function(tx) return tx:query(q.enqueue, "x", nil, "{}", nil, "0 ms", 1) end)' }
    assert.matches("read%-only transaction", tx.err)
    assert.equal(0, #database.query [[SELECT 1 AS n FROM "User" WHERE "id" = 'console']])
  end)

  it("writes when told to", function()
    local r = console({ [[sql("INSERT INTO \"User\" (\"id\") VALUES ($1) RETURNING \"role\"", "written")]] }, "--write")
    assert.same({ 0, "role\nUSER\n(1 row)\n" }, { r.code, r.out })
    assert.equal(1, #database.query [[SELECT 1 AS n FROM "User" WHERE "id" = 'written']])
  end)

  it("goes on after a text that fails, at a terminal, and keeps a history for its owner alone", function()
    local history = temp.dir() .. "/history"
    local r = at_terminal({ 'error "no luck"', "40 + 2" }, history)
    assert.matches("reading only %(%-%-write to change%)", r.out)
    assert.matches("console:1: no luck.*\n42\r?\n", r.out)
    assert.equal("600\n", process.run({ "stat", "-c", "%a", history }).out)
    assert.matches("2\n$", process.run({ "cat", history }).out)
  end)

  it("does not let data command the terminal", function()
    local evil = [[("<\27]0;evil\7|\u{9b}31m|\127\ta>"):upper()]]
    assert.matches("<\27]0;EVIL\7|\u{9b}31M|\127\tA>", console({ evil }).out, 1, true)
    assert.matches("<?]0;EVIL?|??31M|?\tA>", at_terminal({ evil }, "none").out, 1, true)
  end)

  it("has a help text, and refuses what it does not know", function()
    local help = process.run { paths.binary(), "console", "--help" }
    assert.matches("Without %-%-write every statement runs in a transaction that", help.out)
    assert.not_equal(0, process.run({ paths.binary(), "console", "--history" }).code)
  end)
end)
