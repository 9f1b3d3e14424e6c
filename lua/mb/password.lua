-- What a new password may be: 8 to 1,024 characters of any kind, none of those that are guessed first, and not what
-- stands beside it.
local common = require "mb.common_passwords"

local LEAST <const>, MOST <const> = 8, 1024

-- Why it may not be the password of who has this address and name, each a text or nil; nil when it may.
local function refusal(password, email, name)
  local small = password:lower()
  if common[small] then
    return "is among the passwords that are guessed first"
  end
  for _, other in pairs { email = email, local_part = email and email:match "^(.*)@", name = name } do
    if small == other:lower() then
      return "must not be the e-mail address or the name"
    end
  end
end

return { refusal = refusal, LEAST = LEAST, MOST = MOST }
