/*
 * Where the files are that worker processes share: server.state_file.
 */
#ifndef CONF_STATE_PATH_H
#define CONF_STATE_PATH_H

#include "conf/conf.h"

/* What the files hold; the counters' is the one that state_file names. */
enum conf_state { CONF_STATE_COUNTERS, CONF_STATE_UPSTREAMS };

enum { CONF_STATE_PATH_MAX = 4096 };

struct conf_state_path {
	char path[CONF_STATE_PATH_MAX];
	/*
	 * With "auto": the same for any user, as the workers may run as
	 * another one than whoever asks (a glob). Else "".
	 */
	char any_user[CONF_STATE_PATH_MAX];
};

/*
 * Find the path of a shared file, "auto" included: a name of its own for
 * each user and configuration in /dev/shm, or in /tmp. 0, or -1 with err
 * (ERR_CONFIG) when it does not fit. Any thread.
 */
int conf_state_path(const struct conf *conf, enum conf_state what,
    struct conf_state_path *out, struct err *err);

#endif
