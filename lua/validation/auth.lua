-- What the bodies of sign-in routes may hold.
return {
  login = {
    type = "object",
    required = { "email", "password" },
    properties = {
      email = { type = "string", format = "line", minLength = 3, maxLength = 254, example = "thandi@example.org" },
      password = { type = "string", format = "verbatim", minLength = 1, maxLength = 1024,
        example = "correct horse battery staple" },
    },
  },
}
