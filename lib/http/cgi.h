/*
 * One CGI exchange: the variables in the environment, the body on standard
 * input, the answer on standard output (RFC 3875).
 */
#ifndef HTTP_CGI_H
#define HTTP_CGI_H

#include "http/conn.h"
#include "http/output.h"

#include <stdbool.h>
#include <stdint.h>

struct http_cgi {
	struct http_conn conn; /* first: the two are cast into each other */
	int in_fd, out_fd;
	int leave_fd;          /* readable once the client has left; or -1 */
	int64_t left;          /* bytes of the body to come; -1: until EOF */
	bool cut_short;
	struct http_output waiting;
};

/*
 * Begin an exchange on descriptors that stay the caller's. The body is as
 * long as CONTENT_LENGTH says. Without one it goes on to the end of
 * in_fd, but is empty when the method has no body as a rule (GET, HEAD,
 * OPTIONS, DELETE) and no transfer coding is named, as nobody may ever
 * close in_fd. leave_fd, or -1, becomes readable when the client leaves
 * (for example a signalfd, as web servers tell it by SIGTERM). SIGPIPE must
 * be ignored. One thread at a time.
 */
void http_cgi_init(struct http_cgi *c, char *const *envp, int in_fd,
    int out_fd, int leave_fd);

/*
 * End it: read what is left of the body and send what waits; when broken,
 * nothing more is written. 0, or -1 when the client has gone.
 */
int http_cgi_end(struct http_cgi *c, bool broken);

/*
 * Go on without the web server, which waits for the end of standard output
 * and of the process, and may kill it: a child in a session of its own goes
 * on, while this process exits with 0. Standard input and output become
 * /dev/null, and so does standard error unless it is a file. SIGTERM ends
 * the child. What is open stays so, for the child alone. 0 in the child, -1
 * when there could be none. The process must have one thread.
 */
int http_cgi_detach(void);

#endif
