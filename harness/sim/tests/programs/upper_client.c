/* Sends its standard input, half-closes, and writes what comes back to standard output. With a third argument it
 * ignores how much send() took: the classic mistake. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int careless = argc > 3;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    address.sin_addr.s_addr = inet_addr(argv[1]);
    if (connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("connect");
        return 1;
    }
    char bytes[4096];
    ssize_t got;
    while ((got = read(0, bytes, sizeof bytes)) > 0) {
        ssize_t done = 0;
        do {
            ssize_t sent = send(server, bytes + done, got - done, 0);
            if (sent < 0) {
                perror("send");
                return 1;
            }
            done += sent;
        } while (!careless && done < got);
    }
    shutdown(server, SHUT_WR);
    while ((got = recv(server, bytes, sizeof bytes, 0)) > 0) fwrite(bytes, 1, got, stdout);
    if (got < 0) perror("recv");
    close(server);
    return got < 0;
}
