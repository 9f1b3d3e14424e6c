#define _GNU_SOURCE
#include "app/control_socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

bool mb_control__address(int folder, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", folder,
                     MB_CONTROL__LEAF);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

int mb_control__open_folder(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}
