-- How the image of a provider changes: what comes in is stripped on its way, the last one stays.
local caller = require "mb.caller"
local db = require "mb.db"
local documents = require "queries.documents"
local file_type = require "mb.file_type"
local files = require "workflows.files"
local image = require "mb.image"
local json = require "mb.json"
local problem = require "mb.problem"

-- Takes the body of the request, of at most `most` bytes, as the image. row: of documents.image_of. Raises problems.
local function upload(req, row, most)
  local file <close> = files.begin(row.id, math.tointeger(tonumber(req:header "content-length")) or most)
  local type_name = image.strip(function() return req:read() end, function(piece) file:write(piece) end, function(why)
    error(problem(422, "validation_failed", "the image " .. why))
  end)
  local request = caller.who(req)
  request.provider, request.file = row.id, file.id
  request.mediaType, request.sha256 = file_type.types[type_name].media, file:finish()
  if not db.query(documents.set_image, json.encode(request))[1].isThere then
    files.refuse_slow()
  end
  file:keep()
end

local function remove(req, row)
  local request = caller.who(req)
  request.provider = row.id
  db.query(documents.set_image, json.encode(request))
end

return { upload = upload, remove = remove }
