/* The ceiling that the gateway is measured against: civetweb alone, with the options that the gateway gives it, and
 * the shortest possible answer on GET /bare and POST /bare (whose body it reads).
 *
 * usage: bench-bare-handler PORT THREADS    prints "ready PORT", runs until its stdin is closed */
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char s_answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n"
                               "Connection: keep-alive\r\n\r\n{\"success\":true}";

static int s_begin_request(struct mg_connection *conn) {
    char body[4096];
    while (mg_read(conn, body, sizeof body) > 0)
        ;
    mg_write(conn, s_answer, sizeof s_answer - 1);
    return 200;
}

int main(int argc, char **argv) {
    char ports[32];
    snprintf(ports, sizeof ports, "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
    const char *options[] = {"listening_ports",
                             ports,
                             "num_threads",
                             argc > 2 ? argv[2] : "64",
                             "enable_keep_alive",
                             "yes",
                             "keep_alive_timeout_ms",
                             "15000",
                             "request_timeout_ms",
                             "30000",
                             "tcp_nodelay",
                             "1",
                             "connection_queue",
                             "256",
                             "listen_backlog",
                             "1024",
                             "max_request_size",
                             "32768",
                             "decode_url",
                             "no",
                             "enable_auth_domain_check",
                             "no",
                             NULL};
    struct mg_callbacks callbacks = {.begin_request = s_begin_request};
    mg_init_library(MG_FEATURES_DEFAULT);
    struct mg_context *server = mg_start(&callbacks, NULL, options);
    if (!server) {
        fprintf(stderr, "cannot listen on %s\n", ports);
        return 1;
    }
    struct mg_server_port bound;
    mg_get_server_ports(server, 1, &bound);
    printf("ready %d\n", bound.port);
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    mg_stop(server);
    mg_exit_library();
    return 0;
}
