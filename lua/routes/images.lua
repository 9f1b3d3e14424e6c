-- Images of providers: everybody sees those of providers that patients see, without what a camera writes beside one.
local conditional = require "mb.conditional"
local config = require "mb.config"
local db = require "mb.db"
local documents = require "queries.documents"
local files = require "workflows.files"
local problem = require "mb.problem"
local size = require "mb.size"
local validation = require "validation.documents"
local workflow = require "workflows.images"

local PATH <const> = "/v1/providers/{id}/image"
local TYPES <const> = { "JPG", "PNG", "WEBP" }
local MAX_SIZE <const> = size.bytes(config.declare("images.max_size", {
  type = "size", default = "5MB", least = "1KB", most = "100MB", help = "one image of a provider",
}))

local function subject(req)
  return db.query(documents.image_of, req.params.id)[1]
end

return {
  {
    method = "PUT", path = PATH, permission = "images.change", subject = subject,
    summary = "Send the image of a provider in",
    description = "The body is a JPEG, PNG or WebP that does not move. What tells of who took it, where and with what "
      .. "is removed; how it is turned stays. Of two that come at once the last one stays.",
    body = "stream", max_body = MAX_SIZE, limit = { per = "caller", requests = "documents.rate", window = "1h" },
    responses = { [204] = false },
    errors = { [409] = { "documents_full" }, [415] = { "unsupported_media_type" }, [422] = { "validation_failed" } },
    handler = function(req, row)
      if not validation.may_be(req:header "content-type", TYPES) then
        return problem(415, "unsupported_media_type", "this is taken: " .. validation.media_of(TYPES),
          { headers = { Accept = validation.media_of(TYPES) } })
      end
      workflow.upload(req, row, MAX_SIZE)
    end,
  },
  {
    method = "GET", path = PATH, permission = "images.view", subject = subject,
    summary = "The image of a provider", sends = { conditional.ETAG },
    responses = { [200] = { media = "image/*", example = "the bytes of an image" } },
    handler = function(req, row)
      local file = files.find(row.file)
      if not file then
        return problem(404, "not_found", "there is no image")
      end
      files.send(req, file, {
        ["Cache-Control"] = row.isShown and "public, max-age=300" or "private, no-cache",
        ["Content-Security-Policy"] = "default-src 'none'; sandbox",
        ["Cross-Origin-Resource-Policy"] = "cross-origin",
      })
    end,
  },
  {
    method = "DELETE", path = PATH, permission = "images.change", subject = subject,
    summary = "Take the image of a provider away", responses = { [204] = false },
    handler = function(req, row)
      workflow.remove(req, row)
    end,
  },
}
