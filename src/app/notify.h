#pragma once
/* Word to the service manager (systemd, Type=notify) by the protocol of sd_notify(3). */

/* state: "READY=1", "STOPPING=1". Does nothing where nobody listens. */
void mb_notify(const char *state);
