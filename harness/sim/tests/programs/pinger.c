/* Sends PINGS datagrams and waits one second for each answer; prints how many were lost. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

int main(int argc, char **argv) {
    int lost = 0, ours = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval second = {1, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    address.sin_addr.s_addr = inet_addr(argv[1]);
    setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    for (int i = 0; i < atoi(argv[3]); i++) {
        struct timespec before, after;
        char text[64];
        clock_gettime(CLOCK_MONOTONIC, &before);
        sendto(ours, text, sprintf(text, "PING %d", i), 0, (struct sockaddr *)&address, sizeof address);
        if (recvfrom(ours, text, sizeof text, 0, NULL, NULL) < 0) lost++;
        clock_gettime(CLOCK_MONOTONIC, &after);
        printf("%ld us\n", (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000);
    }
    printf("lost %d\n", lost);
    return 0;
}
