-- What plugins remember.
local query = require "mb.query"

return {
  -- A write, so that a plugin reads what it has just set, whoever else asks for it. $1 plugin, $2 key.
  get = query.write("plugin_state.get", [[
SELECT "value" FROM "PluginState"
 WHERE "plugin" = $1 AND "key" = $2 AND ("expiresAt" IS NULL OR "expiresAt" > mb_now())]]),

  -- Of several that set at once one counts the keys after the other: the row stays locked. $1 plugin.
  lock = query.write("plugin_state.lock", [[
INSERT INTO "PluginLock" ("plugin") VALUES ($1)
ON CONFLICT ("plugin") DO UPDATE SET "plugin" = excluded."plugin"]]),

  -- How many other keys it has. $1 plugin, $2 key.
  others = query.write("plugin_state.others", [[
SELECT count(*)::integer AS "n" FROM "PluginState"
 WHERE "plugin" = $1 AND "key" <> $2 AND ("expiresAt" IS NULL OR "expiresAt" > mb_now())]]),

  -- $1 plugin, $2 key, $3 value, $4 how long it is kept in milliseconds, or null.
  set = query.write("plugin_state.set", [[
INSERT INTO "PluginState" ("plugin", "key", "value", "expiresAt")
VALUES ($1, $2, $3::jsonb, mb_now() + $4::float8 * interval '1 ms')
ON CONFLICT ("plugin", "key") DO UPDATE
   SET "value" = excluded."value", "expiresAt" = excluded."expiresAt", "updatedAt" = mb_now()]]),

  -- $1 plugin, $2 key.
  delete = query.write("plugin_state.delete", [[
DELETE FROM "PluginState" WHERE "plugin" = $1 AND "key" = $2 RETURNING "key"]]),
}
