/* Keys that no other server can see arrive: how often names are asked for, counted in the resolver's place. */
#define _GNU_SOURCE
#include "app/parts.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static atomic_uint asked;

/* In the place of the C library's: any name is this machine, which the client then refuses to call. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    if (name != NULL && strcmp(name, "clinic.invalid") == 0) {
        atomic_fetch_add(&asked, 1);
        name = "127.0.0.1";
    }
    return real(name, service, hints, out);
}

static void on_done(void *ctx, const struct mb_client_answer *answer)
{
    *(bool *)ctx = answer->code != NULL && strcmp(answer->code, "address_forbidden") == 0;
}

static bool call(struct mb_client *client, uv_loop_t *loop)
{
    const struct mb_client_request request = {.method = "GET", .url = "http://clinic.invalid/"};
    struct mb_transfer *transfer;
    struct mb_client_answer answer = {0};
    bool is_refused = false;
    if (!mb_client_start(client, &request, on_done, &is_refused, &transfer, &answer)) return false;
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return is_refused;
}

/* How often the resolver is asked for a name that is called three times. */
static unsigned count_asked(const char *set)
{
    char *copy = strdup(set);
    struct mb_config config;
    struct mb_client_stats stats = {0};
    struct mb_client *client;
    uv_loop_t loop;
    struct mb_err err = {0};
    if (copy == NULL || mb_config_load(&config, NULL, &copy, 1, &err) != MB_OK) abort();
    const struct mb_client_limits limits = mb_parts_client(&config);
    if (uv_loop_init(&loop) != 0) abort();
    if (mb_client_new(&client, &loop, &limits, &stats, &err) != MB_OK) abort();
    atomic_store(&asked, 0);
    for (int i = 0; i < 3; i++) ok(call(client, &loop), "%s: call %d is resolved", set, i + 1);
    mb_client_close(client);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    mb_client_free(client);
    ok(uv_loop_close(&loop) == 0, "%s: nothing is left open", set);
    free(copy);
    return atomic_load(&asked);
}

int main(void)
{
    ok(count_asked("client.dns_cache=1h") == 1, "client.dns_cache: a name is asked for once");
    ok(count_asked("client.dns_cache=0") == 3, "client.dns_cache=0: a name is asked for each time");
    return done();
}
