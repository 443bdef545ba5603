/* Serves CLIENTS clients one after the other: upper-cases what each sends until it ends. Blocking calls only. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int port = atoi(argv[1]), clients = argc > 2 ? atoi(argv[2]) : 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 5) < 0) {
        perror("listen");
        return 1;
    }
    while (clients-- > 0) {
        int client = accept(listener, NULL, NULL);
        char bytes[1024];
        ssize_t got;
        while ((got = recv(client, bytes, sizeof bytes, 0)) > 0) {
            for (ssize_t i = 0; i < got; i++) bytes[i] = toupper((unsigned char)bytes[i]);
            for (ssize_t done = 0; done < got;) {
                ssize_t sent = send(client, bytes + done, got - done, 0);
                if (sent < 0) {
                    perror("send");
                    return 1;
                }
                done += sent;
            }
        }
        if (got < 0) perror("recv");
        close(client);
    }
    return 0;
}
