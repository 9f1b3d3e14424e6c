-- Documents that providers send in to prove what they are asked. Only their provider and administrators read them.
local answers = require "validation.answers"
local conditional = require "mb.conditional"
local config = require "mb.config"
local db = require "mb.db"
local disposition = require "mb.disposition"
local documents = require "queries.documents"
local files = require "workflows.files"
local problem = require "mb.problem"
local size = require "mb.size"
local validation = require "validation.documents"
local workflow = require "workflows.documents"

local PATH <const> = "/v1/providers/{id}/submissions/{requirementType}/document"
local MAX_SIZE <const> = size.bytes(config.declare("documents.max_size", {
  type = "size", default = "20MB", least = "1KB", most = "1GB",
  help = "one document of a provider, whatever its requirement takes",
}))
config.declare("documents.rate", {
  type = "integer", default = 120, least = 0, most = 100000,
  help = "documents and images that one account may send in an hour; 0 = any number",
})

local DISPOSITION <const> = {
  name = "Content-Disposition", required = true, example = "attachment; filename*=UTF-8''hpcsa.pdf",
  description = "the file name, which is kept without a path (RFC 6266)",
}
-- Whatever is in it, a browser that is sent one shows nothing and runs nothing.
local HARMLESS <const> = {
  ["Content-Security-Policy"] = "default-src 'none'; sandbox", ["Cross-Origin-Resource-Policy"] = "same-origin",
  ["Cache-Control"] = "private, no-cache",
}

local function subject(req)
  return db.query(documents.of, req.params.id, req.params.requirementType)[1]
end

local function refuse_type(types)
  error(problem(415, "unsupported_media_type", "this is taken: " .. validation.media_of(types),
    { headers = { Accept = validation.media_of(types) } }))
end

return {
  {
    method = "PUT", path = PATH, permission = "submissions.answer", subject = subject,
    summary = "Send a document in, as the answer to a requirement",
    description = "The body is the file. What it is, is told by its first bytes: application/octet-stream does as its "
      .. "Content-Type, another type has to be right. It waits for a review then; the copy that was approved before "
      .. "counts until that. Of two that come at once the last one stays.",
    body = "stream", max_body = MAX_SIZE, headers = { DISPOSITION },
    limit = { per = "caller", requests = "documents.rate", window = "1h" },
    responses = { [200] = answers.document },
    errors = {
      [409] = { "documents_full", "requirement_retired" }, [415] = { "unsupported_media_type" },
      [422] = { "validation_failed" },
    },
    handler = function(req, row)
      if not row.isActive then
        return problem(404, "not_found", "this is not asked any more")
      end
      local types, most = validation.limits(row, MAX_SIZE)
      local content_type = req:header "content-type"
      if not validation.may_be(content_type, types) then
        refuse_type(types)
      end
      local name, why = validation.name_of(req:header "content-disposition")
      if not name then
        return problem(422, "validation_failed", why)
      end
      return workflow.upload(req, row, name, most, function(head)
        return validation.type_of(head, content_type, types) or refuse_type(types)
      end)
    end,
  },
  {
    method = "GET", path = PATH, permission = "submissions.view", subject = subject,
    summary = "The document that answers a requirement", query = validation.query,
    sends = {
      conditional.ETAG, { name = "Content-Disposition", description = "an attachment with the name of the file",
                          example = DISPOSITION.example },
    },
    responses = { [200] = { media = "*/*", example = "the bytes of a file" } },
    handler = function(req, row)
      local is_approved = req.query.copy == "approved"
      local file = files.find(is_approved and row.approvedFile or not is_approved and row.file)
      if not file then
        return problem(404, "not_found", "there is no such document")
      end
      local name = is_approved and row.approvedName or row.fileName
      local headers = { ["Content-Disposition"] = disposition.attachment(name) }
      for field, value in pairs(HARMLESS) do
        headers[field] = value
      end
      files.send(req, file, headers)
    end,
  },
  {
    method = "DELETE", path = PATH, permission = "submissions.answer", subject = subject,
    summary = "Take back a document that waits for its review",
    description = "Also one that was refused. What was approved stays, and is the answer again.",
    responses = { [204] = false }, errors = { [409] = { "requirement_retired" } },
    handler = function(req, row)
      workflow.withdraw(req, row)
    end,
  },
}
