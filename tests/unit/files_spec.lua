-- Names and types of files as their sender tells them, and as they are.

package.path = "lua/?.lua;" .. package.path

local disposition = require "mb.disposition"
local file_type = require "mb.file_type"

describe("Content-Disposition", function()
  it("names a file", function()
    for field, wanted in pairs {
      ["attachment; filename=a.pdf"] = "a.pdf", ['attachment; filename="a b.pdf"'] = "a b.pdf",
      ['inline;filename = "a\\"b\\\\.pdf" ; x=y'] = 'a"b\\.pdf', ["ATTACHMENT; FILENAME=a.pdf"] = "a.pdf",
      ["attachment; filename*=UTF-8''caf%c3%a9.pdf"] = "café.pdf",
      ["attachment; filename=a; filename*=utf-8'en'b"] = "b",
      ["attachment; filename*=UTF-8''b; filename=a"] = "b", ['attachment; filename="a;b=c"'] = "a;b=c",
      ['attachment; filename=""'] = "", ["attachment; filename*=UTF-8''%2e%2e%2fb"] = "../b",
      ['attachment; filename="a\\\\"'] = "a\\",
    } do
      assert.equal(wanted, disposition.parse(field), field)
    end
  end)

  it("is refused when it names none, or in no way that is known", function()
    for _, field in ipairs {
      "", "attachment", "attachment; name=a", "attachment; filename", "attachment; filename=",
      "attachment; filename=a b",
      "attachment filename=a", 'attachment; filename="a',
      'attachment; filename="a\\"', "attachment; filename=a; filename=b",
      "attachment; filename*=ISO-8859-1''a", "attachment; filename*=UTF-8'a", "attachment; filename*=UTF-8''%zz",
      "attachment; filename*=UTF-8''a%", "attachment; filename*=UTF-8''a/b", "attachment; filename=a;",
      "attachment; filename=a" .. ("; x%d=y"):rep(16):gsub("%%d", function() return math.random(1, 1 << 60) end),
    } do
      local name, why = disposition.parse(field)
      assert.is_nil(name, field)
      assert.is_string(why, field)
    end
  end)

  it("is a name only, whatever path it was", function()
    for name, wanted in pairs {
      ["../../etc/passwd"] = "passwd", ["C:\\Users\\me\\a.pdf"] = "a.pdf", ["/etc/"] = "", [".."] = "", ["."] = "",
      ["..\\..\\a.pdf"] = "a.pdf", [".htaccess"] = "htaccess", ["a.pdf. . "] = "a.pdf", ["a:b|c?.pdf"] = "a_b_c_.pdf",
      ["a\r\nSet-Cookie: b"] = "a__Set-Cookie_ b", ["café/é.pdf"] = "é.pdf",
    } do
      assert.equal(wanted, disposition.base_name(name), name)
    end
  end)

  it("takes time by its length, not by the square of it, which would not end here", function()
    local many = 1000000
    assert.equal("", disposition.base_name(("a"):rep(many) .. "/"))
    assert.equal("x" .. ("."):rep(many) .. "a", disposition.base_name("x" .. ("."):rep(many) .. "a"))
    assert.equal(('"'):rep(many), disposition.parse('attachment; filename="' .. ('\\"'):rep(many) .. '"'))
  end)

  it("is read back as it was written, and holds nothing else", function()
    for _, name in ipairs { "a.pdf", 'a"; filename=b', "é\\\".pdf", "100%.pdf", "a b;c.pdf", "日本.pdf" } do
      local field = disposition.attachment(name)
      assert.equal(name, disposition.parse(field))
      assert.is_nil(field:find "[^ -~]", field)
      assert.is_nil(field:match 'filename="(.-)";':find '["\\%%]', field)
    end
  end)
end)

describe("a type", function()
  it("has several names", function()
    for text, wanted in pairs {
      pdf = "PDF", JPEG = "JPG", jpg = "JPG", ["application/pdf"] = "PDF", ["Image/PNG; q=1"] = "PNG", WebP = "WEBP",
    } do
      assert.equal(wanted, file_type.named(text), text)
    end
    for _, text in ipairs { "", "exe", "text/html", "application/octet-stream", "pdf/x", ";" } do
      assert.is_nil(file_type.named(text), text)
    end
  end)

  it("is told by the first bytes alone", function()
    for head, wanted in pairs {
      ["%PDF-1.7\n<html>"] = "PDF", ["\xFF\xD8\xFF\xE0"] = "JPG", ["\x89PNG\r\n\x1A\n\0\0\0\rIHDR"] = "PNG",
      ["RIFF\0\0\0\0WEBPVP8 "] = "WEBP",
    } do
      assert.equal(wanted, file_type.of(head))
    end
    for _, head in ipairs {
      "", "<html>%PDF-1.7",
      " %PDF-1.7", "%PDF-x", "MZ", "PK\3\4", "GIF89a", "RIFF\0\0\0\0WAVE", "\x89PNG\n", "%pdf-1.7",
    } do
      assert.is_nil(file_type.of(head), head)
    end
  end)

  it("gives a name its ending", function()
    for _, case in ipairs {
      { "a.pdf", "PDF", "a.pdf" }, { "a.PDF", "PDF", "a.PDF" }, { "a.exe", "PDF", "a.exe.pdf" },
      { "a", "PNG", "a.png" },
      { "a.jpeg", "JPG", "a.jpeg" }, { "pdf", "PDF", "pdf.pdf" },
    } do
      assert.equal(case[3], file_type.with_ending(case[1], case[2]))
    end
  end)
end)
