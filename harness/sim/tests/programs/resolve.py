"""Asks the C library's resolver for names, in every way that programs do."""
import socket

NAME = "mail.example"
print("gethostbyname", socket.gethostbyname(NAME))
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC):
    found = socket.getaddrinfo(NAME, 25, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG if family == 0 else 0)
    print(family.name, sorted(entry[4][0] for entry in found))
try:
    socket.getaddrinfo("nobody.example", 25)
except socket.gaierror as error:
    print("unknown", error.errno == socket.EAI_NONAME)
print("localhost", "127.0.0.1" in {entry[4][0] for entry in socket.getaddrinfo("localhost", 25)})
