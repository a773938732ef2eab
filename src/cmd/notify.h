/* notify.h - telling the service manager (systemd, sd_notify(3)) about our state. */
#ifndef ASSAY_CMD_NOTIFY_H
#define ASSAY_CMD_NOTIFY_H

/* "READY=1", "STOPPING=1"; does nothing when $NOTIFY_SOCKET is not set. */
void notify_service_manager(const char *state);

#endif
