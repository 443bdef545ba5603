"""Prints what a program sees of the socket interface in corner cases. Run natively and simulated: same text."""
import errno, os, select, socket, struct, threading, time


def case(name, act):
    try:
        seen = act()
    except OSError as error:
        seen = f"{type(error).__name__} {errno.errorcode.get(error.errno, error.errno)}"
    print(f"{name}: {seen}", flush=True)


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody uses: a fixed one would still be waiting out its last use (TIME_WAIT) in a second run."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("", 0))
        return one.getsockname()[1]


def listener(port=0, backlog=5, reuse=False, family=socket.AF_INET, host=""):
    one = socket.socket(family)
    if reuse:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((host, port))
    one.listen(backlog)
    return one


def pair():
    with listener() as waiting:
        client = socket.create_connection(("127.0.0.1", waiting.getsockname()[1]))
        return client, waiting.accept()[0]


def refused():
    socket.create_connection(("127.0.0.1", free_port()))


def refused_nonblocking():
    one = socket.socket()
    one.setblocking(False)
    first = errno.errorcode[one.connect_ex(("127.0.0.1", free_port()))]
    ready = [len(group) for group in select.select([one], [one], [], 2)]
    error = errno.errorcode[one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
    return first in ("EINPROGRESS", "ECONNREFUSED"), ready, error


def connected_datagram_to_closed_port():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(1)
    one.connect(("127.0.0.1", free_port(socket.SOCK_DGRAM)))
    one.send(b"x")
    return one.recv(10)


def loose_datagram_to_closed_port():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(0.2)
    one.sendto(b"x", ("127.0.0.1", free_port(socket.SOCK_DGRAM)))
    return one.recv(10)


def large_datagrams():
    one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    other.bind(("127.0.0.1", 0))
    other.settimeout(1)
    sizes = []
    for size in (1472, 1473, 9000, 65507):
        one.sendto(b"z" * size, other.getsockname())
        sizes.append(len(other.recv(70000)))
    return sizes


def too_large_datagram():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"z" * 65508, ("127.0.0.1", free_port()))


def cut_datagram():
    one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    other.bind(("127.0.0.1", 0))
    one.sendto(b"abcdef", other.getsockname())
    one.sendto(b"gh", other.getsockname())
    return other.recv(3), other.recv(3)


def bound_twice():
    first = listener()
    listener(first.getsockname()[1])


def bound_twice_datagram():
    first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    first.bind(("", 0))
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    second.bind(("", first.getsockname()[1]))


def listen_again_beside_a_connection():
    first = listener(reuse=True)
    port = first.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    server, _ = first.accept()
    first.close()
    return listener(port, reuse=True) is not None


def listen_again_without_reuse():
    first = listener()
    port = first.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    server, _ = first.accept()
    server.close()
    client.recv(1)
    client.close()
    first.close()
    time.sleep(0.1)
    listener(port)


def bound_client():
    with listener() as waiting:
        one = socket.socket()
        port = free_port()
        one.bind(("", port))
        one.connect(("127.0.0.1", waiting.getsockname()[1]))
        return one.getsockname() == ('127.0.0.1', port), waiting.accept()[1] == ('127.0.0.1', port)


def full_queue():
    waiting = listener(backlog=1)
    kept, count = [], 0
    for _ in range(5):
        one = socket.socket()
        one.settimeout(0.5)
        kept.append(one)
        try:
            one.connect(("127.0.0.1", waiting.getsockname()[1]))
            count += 1
        except TimeoutError:
            return f"{count} then a time-out"
    return count


def half_close():
    client, server = pair()
    client.sendall(b"abc")
    client.shutdown(socket.SHUT_WR)
    got = server.recv(10), server.recv(10)
    server.sendall(b"still here")
    server.close()
    return got, client.recv(20), client.recv(20)


def close_with_unread():
    client, server = pair()
    client.sendall(b"unread")
    time.sleep(0.1)
    server.close()
    time.sleep(0.1)
    return client.recv(10)


def write_after_close():
    client, server = pair()
    server.close()
    time.sleep(0.1)
    first = client.send(b"x")
    time.sleep(0.1)
    try:
        return first, client.send(b"y")
    except OSError as error:
        return first, type(error).__name__


def linger_zero():
    client, server = pair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    time.sleep(0.1)
    return client.recv(10)


def data_before_reset():
    client, server = pair()
    server.sendall(b"last words")
    client.sendall(b"unread")
    time.sleep(0.1)
    server.close()
    time.sleep(0.1)
    try:
        return client.recv(20), client.recv(20)
    except OSError as error:
        return type(error).__name__


def coalesced():
    client, server = pair()
    client.sendall(b"one ")
    client.sendall(b"two")
    time.sleep(0.1)
    return server.recv(100)


def peek_and_all():
    client, server = pair()
    client.sendall(b"abc")
    threading.Timer(0.1, lambda: client.sendall(b"def")).start()
    return server.recv(2, socket.MSG_PEEK), server.recv(6, socket.MSG_WAITALL)


def receive_timeout():
    client, server = pair()
    server.settimeout(0.3)
    began = time.monotonic()
    try:
        server.recv(1)
    except TimeoutError:
        return 0.29 < time.monotonic() - began < 0.5


def dual_stack():
    waiting = listener(family=socket.AF_INET6, host="::")
    client = socket.create_connection(("127.0.0.1", waiting.getsockname()[1]))
    server, source = waiting.accept()
    return source[0], server.getsockname()[0], client.getpeername()[0]


def six_only():
    waiting = socket.socket(socket.AF_INET6)
    waiting.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    waiting.bind(("::", 0))
    waiting.listen()
    port = waiting.getsockname()[1]
    client = socket.create_connection(("::1", port))
    seen = waiting.accept()[1][0]
    socket.create_connection(("127.0.0.1", port))
    return seen


def broadcast_forbidden():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("255.255.255.255", 9))


def poll_states():
    client, server = pair()
    watch = select.poll()
    watch.register(server, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    seen = [watch.poll(100)[0][1]]
    client.sendall(b"x")
    time.sleep(0.1)
    seen.append(watch.poll(100)[0][1])
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    seen.append(watch.poll(100)[0][1])
    server.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    seen.append(watch.poll(100)[0][1])
    return seen


def unconnected():
    socket.socket().send(b"x")


def not_a_listener():
    socket.socket().accept()


def name_of_unconnected():
    socket.socket().getpeername()


def fork_shares():
    client, server = pair()
    if os.fork() == 0:
        client.sendall(b"from the child")
        os._exit(3)
    client.close()
    _, status = os.wait()
    return server.recv(100), server.recv(100), os.waitstatus_to_exitcode(status)


def foreign_address():
    socket.socket().bind(("203.0.113.7", 0))


for name, act in [(name, act) for name, act in list(globals().items()) if callable(act) and act.__module__ == "__main__"]:
    if name not in ("case", "free_port", "listener", "pair"):
        case(name, act)
