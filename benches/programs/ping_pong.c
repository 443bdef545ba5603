/* `ping_pong PORT` answers one client byte by byte; `ping_pong PORT COUNT` is that client. With `traps COUNT` it asks
   the kernel for the name of a socket, again and again: a call that needs nothing but an answer. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int traps(int count) {
    struct sockaddr_in name;
    int one = socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < count; i++) {
        socklen_t length = sizeof name;
        if (getsockname(one, (struct sockaddr *)&name, &length) < 0) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (argc == 3 && strcmp(argv[1], "traps") == 0) return traps(atoi(argv[2]));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    int one = socket(AF_INET, SOCK_STREAM, 0);
    char byte = 'x';
    if (argc == 3) {
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(one, (struct sockaddr *)&at, sizeof at) < 0) return 1;
        for (int left = atoi(argv[2]); left > 0; left--)
            if (send(one, &byte, 1, 0) != 1 || recv(one, &byte, 1, 0) != 1) return 1;
        return 0;
    }
    if (bind(one, (struct sockaddr *)&at, sizeof at) < 0 || listen(one, 5) < 0) return 1;
    int client = accept(one, NULL, NULL);
    while (recv(client, &byte, 1, 0) == 1) send(client, &byte, 1, 0);
    return 0;
}
