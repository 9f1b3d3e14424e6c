-- luacheck . (./dev lint): zero warnings. Exceptions stand on the line they are for, with a reason.
std = "lua54"
max_line_length = 120
exclude_files = { "build", "var", "**/node_modules" }

-- What a script of the server sees: the sandbox of src/bind/vm.c, strict globals.
stds.script = {
  read_globals = {
    "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
    "rawset", "require", "select", "setmetatable", "tonumber", "tostring", "type", "xpcall", "_VERSION",
    "coroutine", "math", "string", "table", "utf8",
  },
}
-- wrk calls global functions of its script.
stds.wrk = {
  globals = { "setup", "init", "delay", "request", "response", "done", "wrk" },
}
stds.nginx = { globals = { "ngx" } }

files["lua"] = { std = "script" }
files["plugins"] = { std = "script" }
files["examples"] = { std = "script" }
files["lua/testing"] = { std = "lua54" } -- helpers of tests, no scripts of the server
files["examples/**/spec"] = { std = "lua54+busted" }
files["tests/**/*_spec.lua"] = { std = "+busted" }
files["tests/bench/wrk"] = { std = "+wrk" }
files["tests/bench/wrk/tally.lua"] = { globals = { "bad" } } -- read by thread:get
files["tests/bench/peers/nginx"] = { std = "+nginx" }
