/*
 * What a state of scripts is built of, the same for workers and for the check.
 */
#include "app/scripts.h"

#include <stdlib.h>

#include "app/locate.h"
#include "app/parts.h"
#include "app/site.h"

static struct mb_vm_limits vm_limits(const struct mb_config *c)
{
    return (struct mb_vm_limits){
        .max_json_body = (uint64_t)c->http_max_json_body,
        .max_reply = (size_t)c->http_max_reply,
        .max_input = (size_t)c->http_max_input_bytes,
        .max_query_fields = (uint32_t)c->http_max_query_fields,
        .json = {.depth = (unsigned)c->json_max_depth,
                 .tokens = (size_t)c->json_max_tokens,
                 .keys = (size_t)c->json_max_keys,
                 .string_bytes = (size_t)c->json_max_string},
        .hash_parallel = (int)mb_parts_hashing(c),
        .hash_queue = (int)c->auth_hash_queue,
        .cpu_ms = (uint32_t)c->worker_script_cpu,
    };
}

/* The configuration as texts that scripts may ask for; not the database URL, which may hold a
 * password. */
static struct mb_vm_setting *setting_list(const struct mb_config *config, size_t *count)
{
    size_t n = mb_config_count();
    struct mb_vm_setting *list = calloc(n, sizeof *list);
    *count = 0;
    for (size_t i = 0; list && i < n; i++) {
        struct mb_buf text;
        mb_buf_init(&text, 65536);
        bool ok = mb_config_text(config, i, &text) == MB_OK && mb_buf_add(&text, "", 1) == MB_OK;
        if (ok && strcmp(mb_config_key(i), "database.url") != 0)
            list[(*count)++] = (struct mb_vm_setting){mb_config_key(i), text.data};
        else
            mb_buf_reset(&text);
    }
    return list;
}

static void free_settings(struct mb_vm_setting *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++) free((void *)(uintptr_t)list[i].value);
    free(list);
}

enum mb_rc mb_scripts_open(struct mb_scripts *s, const struct mb_config *config, struct mb_err *err)
{
    *s = (struct mb_scripts){.config = config};
    s->settings = setting_list(config, &s->nsettings);
    return s->settings ? MB_OK : mb_fail(err, MB_E_NOMEM, "no memory for the scripts");
}

void mb_scripts_close(struct mb_scripts *s)
{
    free_settings(s->settings, s->nsettings);
    s->settings = NULL;
}

static struct mb_plugin_limits plugin_limits(const struct mb_config *c)
{
    return (struct mb_plugin_limits){.memory = (size_t)c->plugins_memory,
                                     .text = (size_t)c->plugins_text,
                                     .cpu_ms = (uint32_t)c->plugins_cpu,
                                     .max_asks = (uint32_t)c->plugins_max_asks,
                                     .log_lines = (uint32_t)c->plugins_log_lines,
                                     .max_kills = (uint32_t)c->plugins_max_kills,
                                     .kill_window_ns = (uint64_t)c->plugins_kill_window * 1000000u};
}

static const struct mb_vm_module modules[] = {{"mb.plugins", mb_open_plugins}};

enum { MAX_LOCATED = 2 << 20 };

/* Without the room for it they stay without. */
static void add_columns(const struct mb_shelf_slot *slot, struct mb_buf *diagnostics,
                        struct mb_err *err)
{
    struct mb_buf located;
    mb_buf_init(&located, MAX_LOCATED);
    if (mb_locate(slot, mb_str_z(err->text), &located) == MB_OK && located.len > 0)
        mb_fail(err, err->rc, "%.*s", (int)located.len, located.data);
    mb_buf_clear(&located);
    if (diagnostics != NULL && mb_locate(slot, mb_buf_str(diagnostics), &located) == MB_OK) {
        mb_buf_clear(diagnostics);
        if (mb_buf_add(diagnostics, located.data, located.len) != MB_OK) mb_buf_clear(diagnostics);
    }
    mb_buf_reset(&located);
}

static enum mb_rc declare(void *ctx, const struct mb_vm_declaration *it, struct mb_buf *value,
                          struct mb_err *err)
{
    return mb_config_declare(ctx, it, value, err);
}

/* The server's scripts read the manifests of the plugins, so these come first. */
enum mb_rc mb_scripts_build(const struct mb_scripts *s, const struct mb_shelf_slot *slot,
                            const struct mb_scripts_place *place, struct mb_states *out,
                            struct mb_buf *diagnostics, struct mb_err *err)
{
    struct mb_vm_plan vm = {.loop = place->loop,
                            .db = place->db,
                            .client = place->client,
                            .rates = place->rates,
                            .hashers = place->hashers,
                            .place = place->place,
                            .mail_folder = place->mail_folder,
                            .smtp = place->smtp,
                            .scripts = slot->scripts,
                            .nscripts = slot->nscripts,
                            .settings = s->settings,
                            .nsettings = s->nsettings,
                            .secret = place->secret,
                            .memory_max = (size_t)s->config->worker_memory,
                            .load_timeout = (uint32_t)s->config->reload_load_timeout,
                            .limits = vm_limits(s->config),
                            .modules = modules,
                            .nmodules = sizeof modules / sizeof *modules,
                            .is_shown = place->is_shown};
    const struct mb_plugins_plan plugins = {.vm = &vm,
                                            .files = slot->plugins,
                                            .nfiles = slot->nplugins,
                                            .secrets = slot->secrets,
                                            .nsecrets = slot->nsecrets,
                                            .tables = place->tables,
                                            .asks_database = place->asks_database,
                                            .limits = plugin_limits(s->config),
                                            .board = place->board,
                                            .place = place->place};
    *out = (struct mb_states){NULL, NULL, NULL};
    enum mb_rc rc = mb_plugins_new(&out->plugins, &plugins, diagnostics, err);
    if (rc == MB_OK) rc = mb_config_declared_new(&out->declared, s->config, err);
    vm.owner = out->plugins;
    vm.declare = declare;
    vm.declare_ctx = out->declared;
    if (rc == MB_OK) rc = mb_vm_new(&out->vm, &vm, diagnostics, err);
    if (rc == MB_OK) rc = mb_config_declared_check(out->declared, err);
    if (rc == MB_E_SCRIPT) add_columns(slot, diagnostics, err);
    if (rc != MB_OK) mb_scripts_discard(out);
    return rc;
}

void mb_scripts_discard(struct mb_states *states)
{
    mb_vm_free(states->vm);
    mb_plugins_free(states->plugins);
    mb_config_declared_free(states->declared);
    *states = (struct mb_states){NULL, NULL, NULL};
}

enum mb_rc mb_scripts_check(const struct mb_config *config, struct mb_tables *tables,
                            const struct mb_shelf_slot *slot, mb_scripts_look look, void *ctx,
                            struct mb_buf *diagnostics, struct mb_err *err)
{
    uv_loop_t loop;
    struct mb_scripts scripts;
    struct mb_states states = {NULL, NULL, NULL};
    const struct mb_scripts_place place = {
        .loop = &loop, .tables = tables, .asks_database = tables != NULL};
    if (uv_loop_init(&loop) != 0) return mb_fail(err, MB_E_NOMEM, "no memory for the check");
    enum mb_rc rc = mb_scripts_open(&scripts, config, err);
    if (rc == MB_OK) rc = mb_scripts_build(&scripts, slot, &place, &states, diagnostics, err);
    if (rc == MB_OK) rc = look(&states, ctx, err);
    mb_scripts_discard(&states);
    mb_scripts_close(&scripts);
    uv_loop_close(&loop);
    return rc;
}

static enum mb_rc look_nowhere(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    (void)states, (void)ctx, (void)err;
    return MB_OK;
}

enum mb_rc mb_scripts_settle(const struct mb_config *config, struct mb_err *err)
{
    struct mb_site site = {.config = config};
    struct mb_bundle tree = {0};
    struct mb_shelf *shelf = NULL;
    struct mb_err why;
    bool is_misfit = false;
    if (config->pending == NULL) return MB_OK;
    enum mb_rc rc = mb_home_find(site.home, config, &why);
    if (rc == MB_OK) rc = mb_site_scripts(&site, &tree, &why);
    if (rc == MB_OK) rc = mb_shelf_new(&shelf, (size_t)config->reload_max_bytes, &why);
    if (rc == MB_OK) rc = mb_shelf_put(shelf, 0, &tree, &why);
    if (rc == MB_OK)
        is_misfit = mb_scripts_check(config, NULL, &shelf->slot[0], look_nowhere, NULL, NULL,
                                     &why) == MB_E_CONFIG;
    mb_bundle_free(&tree);
    if (is_misfit) *err = why;
    return is_misfit ? MB_E_CONFIG : MB_OK;
}
