-- How a document becomes the answer to a requirement: it comes in as a file, then one transaction makes it the
-- answer that waits for a review. What was approved before counts on until that.
local documents = require "queries.documents"
local file_type = require "mb.file_type"
local files = require "workflows.files"
local problem = require "mb.problem"
local submissions = require "workflows.submissions"

local function refuse_size(most)
  error(problem(413, "body_too_large", ("the document is over %d bytes"):format(most)))
end

-- The pieces of the body, joined until the first has the bytes that tell what it is.
local function first_piece(req)
  local head = ""
  while #head < file_type.HEAD do
    local piece = req:read()
    if not piece then
      break
    end
    head = head .. piece
  end
  return head
end

-- Takes the body of the request as the document `name`, of at most `most` bytes. type_of(head) -> name of its type, or
-- raises. row: of documents.of. -> { fileName, fileSize, fileType, sha256 }. Raises problems.
local function upload(req, row, name, most, type_of)
  local told = math.tointeger(tonumber(req:header "content-length"))
  if told and told > most then
    refuse_size(most)
  end
  local replaced = row.file ~= row.approvedFile and row.file or nil
  local file <close> = files.begin(row.providerId, told or most, replaced)
  local piece = first_piece(req)
  local type_name = type_of(piece)
  while piece do
    if file.size + #piece > most then
      refuse_size(most)
    end
    file:write(piece)
    piece = req:read()
  end
  local document = {
    fileId = file.id, fileName = file_type.with_ending(name, type_name), sha256 = file:finish(),
    fileSize = file.size, fileType = file_type.types[type_name].media,
  }
  submissions.answer(req, row, function(tx)
    if not tx:query(documents.finish, file.id, document.fileType, document.sha256)[1].isThere then
      files.refuse_slow()
    end
    return document
  end)
  file:keep()
  document.fileId = nil
  return document
end

-- Takes back what waits for a review, or was refused. Raises not_found when nothing does.
local function withdraw(req, row)
  if not submissions.withdraw(req, row) then
    error(problem(404, "not_found", "no document waits for a review"))
  end
end

return { upload = upload, withdraw = withdraw }
