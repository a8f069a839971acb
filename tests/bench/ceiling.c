/*
 * The ceiling of a benchmark: a trivial libfcgi responder that sends the
 * same bytes from memory to everybody. It does nothing a cache has to do,
 * so no handler behind the same web server can be much faster.
 *
 *	ceiling -c FILE       FILE is sent as the body
 *	ceiling -c FILE -t    nothing: there is no configuration to test
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 32, BODY_MAX = 64 << 20 };

/* Written by main before the threads start. */
static char *body;
static size_t body_len;

static void *
serve(void *arg)
{
	FCGX_Request request;
	char drop[8192];

	FCGX_InitRequest(&request, 0, 0);
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(drop, sizeof(drop), request.in) > 0)
			;
		FCGX_PutS("Status: 200 OK\r\n"
		    "Content-Type: text/event-stream\r\n\r\n", request.out);
		FCGX_PutStr(body, (int)body_len, request.out);
		FCGX_Finish_r(&request);
	}
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	FILE *file;
	int i;

	if (argc == 4 && strcmp(argv[3], "-t") == 0)
		return 0;
	if (argc != 3 || (file = fopen(argv[2], "rb")) == NULL) {
		fprintf(stderr, "usage: ceiling -c FILE\n");
		return 2;
	}
	body = malloc(BODY_MAX);
	if (body == NULL || FCGX_Init() != 0)
		return 1;
	body_len = fread(body, 1, BODY_MAX, file);
	fclose(file);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, NULL) != 0)
			return 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
