/* Prints what a program sees of the network interfaces, by every usual way. Run natively in a network namespace with a
   loopback and one card, and simulated: same text. What a bridge in place of a card adds of itself (an IPv6 address of
   the link, a random hardware address, no carrier and so no known address) is left out. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *text(const struct sockaddr *address) {
    static char room[4][INET6_ADDRSTRLEN];
    static int turn;
    if (address == NULL)
        return "-";
    char *out = room[turn++ % 4];
    const void *bytes = address->sa_family == AF_INET ? (void *)&((struct sockaddr_in *)address)->sin_addr
                                                      : (void *)&((struct sockaddr_in6 *)address)->sin6_addr;
    return inet_ntop(address->sa_family, bytes, out, INET6_ADDRSTRLEN);
}

static const char *kinds(unsigned flags) {
    static char out[64];
    snprintf(out, sizeof out, "%s%s%s%s", flags & IFF_UP ? " up" : "", flags & IFF_LOOPBACK ? " loopback" : "",
             flags & IFF_BROADCAST ? " broadcast" : "", flags & IFF_MULTICAST ? " multicast" : "");
    return out;
}

static int of_the_link(const struct sockaddr *address) {
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)address)->sin6_addr);
}

static void by_getifaddrs(void) {
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        perror("getifaddrs");
        return;
    }
    for (struct ifaddrs *one = all; one; one = one->ifa_next) {
        int family = one->ifa_addr ? one->ifa_addr->sa_family : -1;
        if (family == AF_PACKET)
            printf("getifaddrs %s%s\n", one->ifa_name, kinds(one->ifa_flags));
        else if (family >= 0 && !of_the_link(one->ifa_addr))
            printf("getifaddrs %s %s mask %s broadcast %s%s\n", one->ifa_name, text(one->ifa_addr),
                   text(one->ifa_netmask), one->ifa_flags & IFF_BROADCAST ? text(one->ifa_broadaddr) : "-",
                   kinds(one->ifa_flags));
    }
    freeifaddrs(all);
}

static void by_name(void) {
    struct if_nameindex *all = if_nameindex();
    for (struct if_nameindex *one = all; one && one->if_name; one++)
        printf("if_nameindex %u %s, back %u\n", one->if_index, one->if_name, if_nametoindex(one->if_name));
    if_freenameindex(all);
    char name[IF_NAMESIZE];
    printf("if_indextoname 1 %s, 99 %s\n", if_indextoname(1, name), if_indextoname(99, name) ? "found" : "not found");
    printf("if_nametoindex nosuch0 %u\n", if_nametoindex("nosuch0"));
}

static void by_ioctl(int family, const char *kind) {
    int probe = socket(family, SOCK_DGRAM, 0);
    struct ifreq list[16];
    struct ifconf wish = {.ifc_len = sizeof list, .ifc_req = list};
    int result = ioctl(probe, SIOCGIFCONF, &wish);
    printf("%s SIOCGIFCONF %d, %d bytes\n", kind, result, wish.ifc_len);
    for (int i = 0; result == 0 && i < wish.ifc_len / (int)sizeof list[0]; i++)
        printf("%s SIOCGIFCONF %s %s\n", kind, list[i].ifr_name, text(&list[i].ifr_addr));
    struct ifconf none = {.ifc_len = 0, .ifc_req = NULL};
    ioctl(probe, SIOCGIFCONF, &none);
    struct ifconf small = {.ifc_len = sizeof list[0] + 5, .ifc_req = list};
    ioctl(probe, SIOCGIFCONF, &small);
    printf("%s SIOCGIFCONF needs %d, cut %d\n", kind, none.ifc_len, small.ifc_len);
    const char *names[] = {"lo", "eth0", "nosuch0"};
    for (int i = 0; i < 3; i++) {
        struct ifreq one = {0};
        strcpy(one.ifr_name, names[i]);
        printf("%s %s", kind, names[i]);
        if (ioctl(probe, SIOCGIFINDEX, &one) == 0)
            printf(" index %d", one.ifr_ifindex);
        if (ioctl(probe, SIOCGIFADDR, &one) == 0)
            printf(" address %s", text(&one.ifr_addr));
        else
            printf(" address %s", strerrorname_np(errno));
        if (ioctl(probe, SIOCGIFNETMASK, &one) == 0)
            printf(" mask %s", text(&one.ifr_netmask));
        if (ioctl(probe, SIOCGIFBRDADDR, &one) == 0)
            printf(" broadcast %s", text(&one.ifr_broadaddr));
        if (ioctl(probe, SIOCGIFMTU, &one) == 0)
            printf(" mtu %d", one.ifr_mtu);
        if (ioctl(probe, SIOCGIFHWADDR, &one) == 0)
            printf(" hardware %d", one.ifr_hwaddr.sa_family);
        if (ioctl(probe, SIOCGIFFLAGS, &one) == 0)
            printf("%s", kinds((unsigned short)one.ifr_flags));
        printf("\n");
    }
    close(probe);
}

static void by_file(const char *path) {
    char line[256];
    FILE *file = fopen(path, "r");
    printf("%s %s\n", path, file ? "is there" : "is not there");
    while (file && fgets(line, sizeof line, file)) {
        /* Of the counters only who is counted. */
        if (strstr(path, "dev"))
            line[strcspn(line, ":")] = 0, strcat(line, "\n");
        char address[40], name[32];
        unsigned index, prefix, scope, state;
        if (sscanf(line, "%32s %x %x %x %x %31s", address, &index, &prefix, &scope, &state, name) == 6)
            sprintf(line, "%s %x %x %x %s\n", address, index, prefix, scope, name);
        if (strncmp(line, "fe80", 4) != 0 && !strchr(line, '|'))
            printf("  %s", line);
    }
    if (file)
        fclose(file);
}

/* Which kinds of address the library believes this machine to have. */
static void by_resolver(void) {
    struct addrinfo wish = {.ai_flags = AI_ADDRCONFIG | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    const char *names[] = {"192.0.2.1", "2001:db8::1"};
    for (int i = 0; i < 2; i++) {
        int result = getaddrinfo(names[i], "80", &wish, &found);
        printf("AI_ADDRCONFIG %s %s\n", names[i], result == 0 ? "usable" : gai_strerror(result));
        if (result == 0)
            freeaddrinfo(found);
    }
}

int main(void) {
    by_getifaddrs();
    by_name();
    by_ioctl(AF_INET, "inet");
    by_ioctl(AF_UNIX, "unix");
    by_file("/proc/net/if_inet6");
    by_file("/proc/net/dev");
    by_file("/proc/self/net/if_inet6");
    by_resolver();
    return 0;
}
