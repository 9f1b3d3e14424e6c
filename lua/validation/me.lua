-- What requests about one's own account may hold.
return {
  page = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
