#define _GNU_SOURCE
#include "app/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/control_socket.h"
#include "app/say.h"

/* flags: of the socket */
static int connect_to(const char *path, int flags)
{
    struct sockaddr_un address;
    int folder = mb_control__open_folder(path),
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    bool is_open = folder >= 0 && fd >= 0 && mb_control__address(folder, &address) &&
                   connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    int why = errno;
    if (folder >= 0) (void)close(folder);
    if (!is_open && fd >= 0) (void)close(fd);
    errno = why;
    return is_open ? fd : -1;
}

int mb_control_connect(const char *folder) { return connect_to(folder, SOCK_NONBLOCK); }

int mb_control_call(const struct mb_site *site, const char *word)
{
    char text[MB_CONTROL__MAX_WORD], line[4096];
    int fd = connect_to(site->dir.path, 0);
    if (fd < 0) {
        mb_say("data folder %s: the server that uses it could not be reached: %s", site->dir.path,
               strerror(errno));
        return EXIT_FAILURE;
    }
    int n = snprintf(text, sizeof text, "%s\n", word);
    (void)send(fd, text, (size_t)n, MSG_NOSIGNAL); /* a word fits; one who left gives no answer */
    FILE *in = fdopen(fd, "r");
    bool has_answer = in != NULL && fgets(line, sizeof line, in) != NULL;
    bool is_done = has_answer && strcmp(line, "ok\n") == 0;
    while (has_answer && fgets(line, sizeof line, in) != NULL)
        (void)fprintf(is_done ? stdout : stderr, "%s%s", is_done ? "" : "medbookd: ", line);
    if (!has_answer) mb_say("the server ended before it answered");
    if (in != NULL) (void)fclose(in);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
