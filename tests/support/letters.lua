-- Mails of a server without a server for mail: the files in its data folder, and the links in them.
local lfs = require "lfs"

local eventually = require "support.eventually"
local paths = require "support.paths"

local letters = {}

-- What was written to this address, oldest first: a list of { kind, to, subject, text, token }, where token is what
-- stands alone in a line as tokens do.
function letters.to(app, address)
  local folder, names, found = app.data_dir .. "/mail", {}, {}
  if not lfs.attributes(folder) then return found end
  for name in lfs.dir(folder) do
    if name:match "%.eml$" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local bytes = paths.read(folder .. "/" .. name):gsub("\r\n", "\n")
    local to = bytes:match "\nTo: <?([^\n>]*)>?\n"
    if to == address then
      found[#found + 1] = {
        file = name, kind = name:match "Z%-([%l-]*%l)", to = to, subject = bytes:match "\nSubject: ([^\n]*)",
        text = bytes, token = bytes:match("\n(" .. ("[%w_-]"):rep(43) .. ")\n"),
      }
    end
  end
  return found
end

-- Waits for the n-th mail of this kind to that address, and returns it. n is 1 unless told.
function letters.await(app, kind, address, n)
  return eventually(function()
    local count = 0
    for _, letter in ipairs(letters.to(app, address)) do
      if letter.kind == kind then
        count = count + 1
        if count == (n or 1) then return letter end
      end
    end
  end, { what = ("mail %s %d to %s"):format(kind, n or 1, address) })
end

return letters
