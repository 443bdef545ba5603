/* The message client with as little as possible around its system calls: a yardstick for speed and memory. */

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

static int send_all(int server, const char *piece, size_t length)
{
    while (length > 0) {
        ssize_t taken = send(server, piece, length, MSG_NOSIGNAL);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return -1;
        piece += taken;
        length -= (size_t)taken;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: message-client IPV4-ADDRESS PORT < FILE\n", stderr);
        return 2;
    }
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fprintf(stderr, "message-client: %s is not an IPv4 address\n", argv[1]);
        return 2;
    }
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("message-client: cannot connect");
        return 1;
    }
    char buffer[BUFFER_SIZE];
    for (;;) {
        ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            perror("message-client: reading the file");
            return 1;
        }
        if (count == 0)
            break;
        if (send_all(server, buffer, (size_t)count) < 0) {
            perror("message-client: sending");
            return 1;
        }
    }
    close(server);
    return 0;
}
