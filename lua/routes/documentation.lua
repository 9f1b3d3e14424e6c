-- The contract of this server for programs, and for people.
local answers = require "validation.answers"
local openapi = require "mb.openapi"
local page = require "documentation.page"
local script = require "documentation.script"
local problem_page = require "documentation.problem_page"
local json = require "mb.json"
local style = require "documentation.style"

-- The page may load what this server has, and ask it; nothing else.
local ONLY_HERE <const> = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
  .. "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

-- A file as a route; it is the same until the scripts change.
local function file(path, summary, media_type, example, text)
  return {
    method = "GET", path = path, permission = "public", summary = summary,
    responses = { [200] = { media = media_type, example = example } },
    handler = function(req)
      req:begin(200, {
        ["Content-Type"] = media_type .. "; charset=utf-8", ["Cache-Control"] = "no-cache",
        ["Content-Security-Policy"] = ONLY_HERE, ["X-Content-Type-Options"] = "nosniff",
      })
      req:write(type(text) == "function" and text() or text)
    end,
  }
end

return {
  {
    method = "GET", path = "/", permission = "public",
    summary = "Where to begin: a browser is led to the page, a program told where the document is",
    responses = {
      [200] = answers.object("Start", {
        "name", { type = "string", example = "medbookd" }, "documentation", { type = "string", example = "/docs" },
        "openapi", { type = "string", example = "/openapi.json" },
      }),
      [303] = false,
    },
    handler = function(req)
      local headers = { ["Cache-Control"] = "no-cache", Vary = "Accept" }
      -- Browsers want it more than anything else when they open a page; programs that take anything do not.
      if req:prefers("application/json", "text/html") == "text/html" then
        headers.Location = "/docs"
        return 303, nil, headers
      end
      return 200, { name = "medbookd", documentation = "/docs", openapi = "/openapi.json" }, headers
    end,
  },
  {
    method = "GET", path = "/openapi.json", permission = "public",
    summary = "This document: every route as OpenAPI 3.1",
    responses = { [200] = { media = "application/json", example = '{"openapi":"3.1.0"}' } },
    handler = function()
      return 200, json.raw(openapi.get()), { ["Cache-Control"] = "no-cache" }
    end,
  },
  file("/docs", "This document as a page, to read and to try", "text/html", "<!doctype html>…", page),
  file("/docs/problems", "The codes of all problems, each with its cause and remedy", "text/html", "<!doctype html>…",
    problem_page.get),
  file("/docs/script.js", "What the page does", "text/javascript", "'use strict'; …", script),
  file("/docs/style.css", "What the page looks like", "text/css", ":root { … }", style),
}
