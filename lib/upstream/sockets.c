#include "upstream/sockets.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

curl_socket_t
sockets_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct sockets *s = arg;
	curl_socket_t fd;

	(void)purpose;
	if (s->n == SOCKETS_MAX)
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
	if (fd == -1)
		return CURL_SOCKET_BAD;
	s->list[s->n].fd = fd;
	s->list[s->n].multiplexed = false;
	s->n++;
	return fd;
}

int
sockets_close(void *arg, curl_socket_t fd)
{
	struct sockets *s = arg;
	size_t i = 0;

	while (i < s->n && s->list[i].fd != fd)
		i++;
	if (i < s->n)
		s->list[i] = s->list[--s->n];
	return close(fd);
}

void
sockets_note_multiplexed(struct sockets *s, curl_socket_t fd)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].fd == fd)
			s->list[i].multiplexed = true;
	}
}

bool
sockets_speak_unasked(const struct sockets *s)
{
	struct pollfd fds[SOCKETS_MAX];
	nfds_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!s->list[i].multiplexed)
			fds[n++] = (struct pollfd){
			    .fd = s->list[i].fd, .events = POLLIN};
	}
	return n > 0 && poll(fds, n, 0) != 0;
}

bool
sockets_tls_has_more(const struct curl_api *api, CURL *easy)
{
	struct curl_tlssessioninfo *tls = NULL;

	if (api->easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK ||
	    tls == NULL || tls->internals == NULL)
		return false;
	if (tls->backend == CURLSSLBACKEND_OPENSSL &&
	    api->openssl_pending != NULL)
		return api->openssl_pending(tls->internals) > 0;
	if (tls->backend == CURLSSLBACKEND_GNUTLS &&
	    api->gnutls_pending != NULL)
		return api->gnutls_pending(tls->internals) > 0;
	return true;
}
