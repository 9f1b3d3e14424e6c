DROP TABLE "PluginLock";
