-- What the loader is told about the Release program, read from its headers by readelf.

local paths = require "support.paths"
local process = require "support.process"

-- The protections stand in optimised builds; those with sanitizers have others.
local function is_release()
  return paths.read(paths.build() .. "/CMakeCache.txt"):match "\nCMAKE_BUILD_TYPE:%w+=(%w+)" == "Release"
end

local function readelf(what)
  return process.check { "readelf", "--wide", what, paths.binary() }.out
end

local inspect = is_release() and describe or pending

inspect("the Release program", function()
  local headers, segments, dynamic, symbols

  setup(function()
    headers, segments = readelf "--file-header", readelf "--program-headers"
    dynamic, symbols = readelf "--dynamic", readelf "--dyn-syms"
  end)

  it("is loaded at a random address", function()
    assert.matches("Type:%s+DYN", headers)
    assert.matches("Flags:[^\n]*PIE", dynamic)
    assert.no.matches("TEXTREL", dynamic)
  end)

  it("binds every symbol at the start and then makes the table read-only", function()
    assert.matches("GNU_RELRO", segments)
    assert.matches("BIND_NOW", dynamic)
  end)

  it("has no executable stack, and no segment that is writable and executable", function()
    assert.matches("GNU_STACK[^\n]* RW ", segments)
    assert.no.matches("RWE", segments)
  end)

  it("takes libraries from the system's folders only", function()
    assert.no.matches("RPATH", dynamic)
    assert.no.matches("RUNPATH", dynamic)
  end)

  it("checks stacks and the bounds of copies", function()
    assert.matches("__stack_chk_fail", symbols)
    assert.matches("__%w+_chk@", symbols)
  end)
end)
