/* Opens N connections, writes to all, then reads from all. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = atoi(argv[2]), right = 0, *all = calloc(count, sizeof *all);
    struct rlimit room;
    getrlimit(RLIMIT_NOFILE, &room);
    room.rlim_cur = room.rlim_max;
    setrlimit(RLIMIT_NOFILE, &room);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < count; i++) {
        all[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (all[i] < 0 || connect(all[i], (struct sockaddr *)&address, sizeof address) < 0) {
            perror("connect");
            return 1;
        }
    }
    for (int i = 0; i < count; i++) write(all[i], "hello", 5);
    for (int i = 0; i < count; i++) {
        char bytes[5];
        size_t have = 0;
        ssize_t got;
        while (have < 5 && (got = read(all[i], bytes + have, 5 - have)) > 0) have += got;
        right += have == 5 && memcmp(bytes, "HELLO", 5) == 0;
    }
    printf("%d\n", right);
    return right != count;
}
