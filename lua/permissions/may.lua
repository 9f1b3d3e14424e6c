-- `may`: what the rules of this folder are written with, in the words of roles.lua.
return require("mb.rule").writer(require "permissions.roles")
