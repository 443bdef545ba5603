"""A chat room in plain Python, for comparison: one thread, readiness, and nothing that a beginner would not write.

`python3 chat_server.py PORT`. The first line of a client is its name; every other goes to all others. It waits with
what `selectors` finds best, since `select` itself has no place for the thousandth client.
"""

import selectors
import socket
import sys

selector = selectors.DefaultSelector()
clients = {}


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.name = None
        self.unread = b""
        self.unsent = b""


def queue(client, data):
    if not client.unsent:
        selector.modify(client.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
    client.unsent += data


def tell_others(sender, data):
    for client in clients.values():
        if client is not sender and client.name is not None:
            queue(client, data)


def leave(client):
    selector.unregister(client.connection)
    del clients[client.connection]
    client.connection.close()
    if client.name is not None:
        tell_others(client, b"* %s has left\n" % client.name)


def read_from(client):
    try:
        piece = client.connection.recv(4096)
    except OSError:
        piece = b""
    if not piece:
        leave(client)
        return
    *lines, client.unread = (client.unread + piece).split(b"\n")
    for line in lines:
        if client.name is None:
            client.name = line
            queue(client, b"* you are %s\n" % line)
            tell_others(client, b"* %s has joined\n" % line)
        else:
            tell_others(client, b"%s: %s\n" % (client.name, line))


def write_to(client):
    try:
        sent = client.connection.send(client.unsent)
    except BlockingIOError:
        return
    except OSError:
        leave(client)
        return
    client.unsent = client.unsent[sent:]
    if not client.unsent:
        selector.modify(client.connection, selectors.EVENT_READ, client)


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, events in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                clients[connection] = Client(connection)
                selector.register(connection, selectors.EVENT_READ, clients[connection])
                continue
            if events & selectors.EVENT_READ:
                read_from(key.data)
            if events & selectors.EVENT_WRITE and key.fileobj in clients:
                write_to(key.data)


main()
