/* The message server with as little as possible around its system calls: a yardstick for speed and memory. */

#define _POSIX_C_SOURCE 200112L

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The sheet's proposal, and what the reference has. */
enum { BUFFER_SIZE = 4096 };

static int write_all(const char *piece, size_t length)
{
    while (length > 0) {
        ssize_t taken = write(STDOUT_FILENO, piece, length);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return -1;
        piece += taken;
        length -= (size_t)taken;
    }
    return 0;
}

/* Returns -1 if standard output is gone; a client that fails ends its own message only. */
static int print_message(int client)
{
    char buffer[BUFFER_SIZE];
    for (;;) {
        ssize_t count = recv(client, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return 0;
        if (write_all(buffer, (size_t)count) < 0)
            return -1;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: message-server PORT\n", stderr);
        return 2;
    }
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    int reuse = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, SOMAXCONN) < 0) {
        perror("message-server: cannot listen");
        return 1;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            perror("message-server: accept");
            return 1;
        }
        int printed = print_message(client);
        close(client);
        if (printed < 0) {
            perror("message-server: standard output");
            return 1;
        }
    }
}
