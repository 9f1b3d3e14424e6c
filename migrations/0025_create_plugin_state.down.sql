DROP TABLE "PluginState";
