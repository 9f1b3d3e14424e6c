-- What the query of GET /v1/providers may hold.
local LANGUAGES <const> = {
  "English", "IsiZulu", "IsiXhosa", "Afrikaans", "Sepedi", "Setswana", "Sesotho", "IsiNdebele", "SiSwati",
  "Tshivenda", "Xitsonga", "Portuguese", "French", "Hindi", "German", "Mandarin",
}

return {
  list = {
    type = { type = "string", maxLength = 100, description = "id or name of a provider type" },
    service = { type = "string", maxLength = 100, description = "id or name of a service" },
    location = { type = "string", maxLength = 100, description = "part of a location's name, address or search terms" },
    language = { type = "string", enum = LANGUAGES },
    online = { type = "boolean", description = "true: offers online slots, false: in person" },
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
