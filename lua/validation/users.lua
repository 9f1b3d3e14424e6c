-- What administrators send about accounts.
return {
  role = {
    type = "object", required = { "role" },
    properties = { role = { type = "string", enum = { "USER", "ADMIN", "SUPER_ADMIN" } } }, -- of permissions/roles.lua
  },
  lock = {
    type = "object", required = { "reason" },
    properties = {
      reason = { type = "string", format = "text", minLength = 1, maxLength = 500, example = "asked for by phone" },
    },
  },
  none = { type = "object", properties = {} },
}
