#include "app/admin_plugins.h"

#include "base/json.h"

enum { LIST_MAX = 2 * 1024 * 1024 };

static uint64_t memory_of(const struct mb_plugin_stats *s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < MB_PLUGIN_PLACES; i++) sum += atomic_load(&s->bytes[i]);
    return sum;
}

static unsigned long long get(const _Atomic uint64_t *counter)
{
    return (unsigned long long)atomic_load_explicit(counter, memory_order_relaxed);
}

static enum mb_rc add_parts(struct mb_buf *b, const struct mb_plugin_stats *s)
{
    enum mb_rc rc = mb_buf_addz(b, ",\"functions\":[");
    for (unsigned i = 0; rc == MB_OK && i < MB_PLUGIN_PARTS; i++) {
        const struct mb_plugin_part *p = &s->part[i];
        if (!atomic_load(&p->is_named)) continue;
        rc = mb_buf_addz(b, i == 0 ? "{\"name\":" : ",{\"name\":");
        if (rc == MB_OK) rc = mb_json_str(b, p->name, strlen(p->name));
        if (rc == MB_OK)
            rc = mb_buf_addf(b,
                             ",\"calls\":%llu,\"errors\":%llu,\"cpuMilliseconds\":%.3f,"
                             "\"allocatedBytes\":%llu}",
                             get(&p->calls), get(&p->errors), (double)get(&p->cpu_ns) / 1e6,
                             get(&p->taken));
    }
    return rc == MB_OK ? mb_buf_addz(b, "]}") : rc;
}

/* Names are letters, digits and marks that JSON takes as they are. */
static enum mb_rc add(struct mb_buf *b, const struct mb_plugin_stats *s)
{
    enum mb_rc rc = mb_buf_addf(
        b,
        "%s{\"name\":\"%s\",\"state\":\"%s\",\"calls\":%llu,\"errors\":%llu,"
        "\"kills\":%llu,\"cpuMilliseconds\":%.3f,\"memoryBytes\":%llu,\"schemaBytes\":%llu,"
        "\"schemaIsFull\":%s",
        b->data[b->len - 1] == '[' ? "" : ",", s->name,
        atomic_load(&s->is_quarantined) ? "QUARANTINED" : "ACTIVE", get(&s->calls), get(&s->errors),
        get(&s->kills), (double)get(&s->cpu_ns) / 1e6, (unsigned long long)memory_of(s),
        get(&s->schema_bytes), atomic_load(&s->is_full) ? "true" : "false");
    return rc == MB_OK ? add_parts(b, s) : rc;
}

void mb_admin_plugins_list(struct mb_shm *shm, struct mb_http_request *req)
{
    struct mb_buf b;
    mb_buf_init(&b, LIST_MAX);
    enum mb_rc rc = mb_buf_addz(&b, "{\"plugins\":[");
    for (unsigned i = 0; rc == MB_OK && i < MB_MAX_PLUGINS; i++)
        if (atomic_load(&shm->plugins.plugin[i].is_named)) rc = add(&b, &shm->plugins.plugin[i]);
    if (rc == MB_OK) rc = mb_buf_addz(&b, "]}");
    if (rc == MB_OK)
        mb_http_reply(req, 200, "application/json", NULL, 0, mb_buf_str(&b));
    else
        mb_http_problem(req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
    mb_buf_reset(&b);
}

void mb_admin_plugins_release(struct mb_shm *shm, struct mb_http_request *req, struct mb_str name)
{
    char text[MB_PLUGIN_NAME] = "";
    if (name.len < sizeof text) memcpy(text, name.ptr, name.len);
    struct mb_plugin_stats *s = mb_plugin_board_find(&shm->plugins, text);
    if (s == NULL) {
        mb_http_problem(req, 404, "not_found", "plugin not found; GET /v1/admin/plugins lists them",
                        MB_STR(""), -1, NULL, 0);
        return;
    }
    mb_plugin_release(s);
    mb_http_reply(req, 204, NULL, NULL, 0, MB_STR(""));
}
