-- The static route of the bench on nginx (LuaJIT): the same table as route.lua gives to medbookd,
-- made and encoded anew for each request.
local encode = require("cjson").encode
local ngx = ngx
local header, print = ngx.header, ngx.print

return function()
    local body = encode {
        id = "cm3b0q8zk0000v9l4h2d7x1ab",
        name = "Dr Noma Dlamini",
        city = "Johannesburg",
        online = true,
        status = "ACTIVE",
        minutes = 30,
        note = "first visit",
    }
    header["Content-Type"] = "application/json"
    header["Content-Length"] = #body
    print(body)
end
