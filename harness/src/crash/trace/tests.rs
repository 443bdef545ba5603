//! Traces as real runtimes wrote them (Python 3.11, Java 17, Go 1.19, Rust 1.95, Node 20, GCC 12), cut where they repeat.

use rstest::rstest;

use super::*;

/// What is read of a text, in one line: what happened, and the first frames.
fn told(said: &str, ended: bool) -> String {
    let Some(trace) = read(said, ended) else { return "nothing".to_owned() };
    let frames: Vec<String> =
        trace.frames.iter().take(3).map(|it| format!("{}:{} {}", it.file, it.line, it.function)).collect();
    let (of_signal, what) = (trace.is_of_signal, crate::crash::words::what(&trace.kind));
    format!("{}{what} | {}", if of_signal { "signal, " } else { "" }, frames.join(", "))
}

#[rstest]
#[case::bytes_and_str(
    "Traceback (most recent call last):
  File \"/tmp/run-x/work/server.py\", line 52, in <module>
    main()
  File \"/tmp/run-x/work/server.py\", line 35, in answer
    connection.sendall(piece.upper() + 1)
                       ~~~~~~~~~~~~~~^~~
TypeError: can't concat int to bytes
",
    "TypeError: can't concat int to bytes | /tmp/run-x/work/server.py:35 answer, /tmp/run-x/work/server.py:52 "
)]
#[case::within_a_library(
    "Traceback (most recent call last):
  File \"/w/client.py\", line 4, in <module>
    c = socket.create_connection(('127.0.0.1', 1))
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File \"/usr/lib/python3.11/socket.py\", line 851, in create_connection
    raise exceptions[0]
  File \"/usr/lib/python3.11/socket.py\", line 836, in create_connection
    sock.connect(sa)
ConnectionRefusedError: [Errno 111] Connection refused
",
    "ConnectionRefusedError: [Errno 111] Connection refused | /usr/lib/python3.11/socket.py:836 create_connection, \
     /usr/lib/python3.11/socket.py:851 create_connection, /w/client.py:4 "
)]
#[case::chained(
    "Traceback (most recent call last):
  File \"a.py\", line 2, in <module>
    {}['x']
    ~~^^^^^
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"a.py\", line 4, in <module>
    raise ValueError('no x')
ValueError: no x
",
    "ValueError: no x | a.py:4 "
)]
#[case::thread(
    "Exception in thread Thread-1 (serve):
Traceback (most recent call last):
  File \"/usr/lib/python3.11/threading.py\", line 1038, in _bootstrap_inner
    self.run()
  File \"s.py\", line 9, in serve
    names[3]
    ~~~~~^^^
IndexError: list index out of range
Exception in thread Thread-2 (serve):
Traceback (most recent call last):
  File \"s.py\", line 11, in serve
    1 / 0
ZeroDivisionError: division by zero
",
    "IndexError: list index out of range | s.py:9 serve, /usr/lib/python3.11/threading.py:1038 _bootstrap_inner"
)]
#[case::syntax(
    "  File \"/w/server.py\", line 3
    print 'ready'
    ^^^^^^^^^^^^^
SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?
",
    "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)? | /w/server.py:3 "
)]
#[case::import(
    "Traceback (most recent call last):
  File \"/w/server.py\", line 1, in <module>
    import helpers
ModuleNotFoundError: No module named 'helpers'
",
    "ModuleNotFoundError: No module named 'helpers' | /w/server.py:1 "
)]
#[case::recursion(
    "Traceback (most recent call last):
  File \"r.py\", line 3, in <module>
    f(1)
  File \"r.py\", line 2, in f
    return f(n + 1)
           ^^^^^^^^
  File \"r.py\", line 2, in f
    return f(n + 1)
           ^^^^^^^^
  [Previous line repeated 995 more times]
RecursionError: maximum recursion depth exceeded
",
    "RecursionError: maximum recursion depth exceeded | r.py:2 f, r.py:2 f, r.py:3 "
)]
#[case::interrupted(
    "Traceback (most recent call last):
  File \"a.py\", line 9, in <module>
    s.accept()
KeyboardInterrupt
",
    "nothing"
)]
#[case::ignored(
    "Exception ignored in: <function C.__del__ at 0x7f>
Traceback (most recent call last):
  File \"a.py\", line 3, in __del__
    1 / 0
ZeroDivisionError: division by zero
",
    "nothing"
)]
#[case::group(
    "  + Exception Group Traceback (most recent call last):
  |   File \"g.py\", line 7, in <module>
  |     asyncio.run(main())
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File \"g.py\", line 3, in work
    |     raise ValueError('x')
    | ValueError: x
    +------------------------------------
",
    "ValueError: x | g.py:3 work"
)]
#[case::fault_handler(
    "Fatal Python error: Segmentation fault

Current thread 0x00007ffff7d8a000 (most recent call first):
  File \"/usr/lib/python3.11/ctypes/__init__.py\", line 519 in string_at
  File \"f.py\", line 2 in <module>
",
    "signal, panic: Segmentation fault | /usr/lib/python3.11/ctypes/__init__.py:519 string_at, f.py:2 "
)]
fn python(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

#[rstest]
#[case::index(
    "Exception in thread \"main\" java.lang.ArrayIndexOutOfBoundsException: Index 5 out of bounds for length 3
	at A.f(A.java:4)
	at A.main(A.java:10)
",
    "java.lang.ArrayIndexOutOfBoundsException: Index 5 out of bounds for length 3 | A.java:4 f, A.java:10 main"
)]
#[case::thread_first(
    "Exception in thread \"Thread-0\" java.lang.NullPointerException: Cannot invoke \"String.length()\" because \"s\" is null
	at net.Frame.lambda$main$0(Frame.java:7)
	at java.base/java.lang.Thread.run(Thread.java:840)
",
    "java.lang.NullPointerException: Cannot invoke \"String.length()\" because \"s\" is null | \
     net/Frame.java:7 lambda$main$0"
)]
#[case::cause(
    "Exception in thread \"main\" java.lang.RuntimeException: no server
	at A.main(A.java:8)
Caused by: java.net.ConnectException: Connection refused
	at java.base/sun.nio.ch.Net.connect0(Native Method)
	at java.base/java.net.Socket.<init>(Socket.java:287)
	... 1 more
",
    "java.net.ConnectException: Connection refused | A.java:8 main"
)]
#[case::overflow(
    "Exception in thread \"main\" java.lang.StackOverflowError
	at A.main(A.java:6)
	at A.main(A.java:9)
	at A.main(A.java:9)
	at A.main(A.java:9)
",
    "java.lang.StackOverflowError | A.java:6 main, A.java:9 main, A.java:9 main"
)]
#[case::source_launcher(
    "Server.java:3: error: ';' expected\n        int a = 1\n                 ^\n1 error\nerror: compilation failed\n",
    "compile error: ';' expected | Server.java:3 "
)]
fn java(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

#[rstest]
#[case::index(
    "panic: runtime error: index out of range [5] with length 1

goroutine 1 [running]:
main.f(...)
	/tmp/x/b.go:4
main.main()
	/tmp/x/b.go:7 +0x1e5
",
    "panic: runtime error: index out of range [5] with length 1 | /tmp/x/b.go:4 f, /tmp/x/b.go:7 main"
)]
#[case::nil_pointer(
    "panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4816ee]

goroutine 1 [running]:
main.main()
	/tmp/x/b.go:9 +0x10e
",
    "panic: runtime error: invalid memory address or nil pointer dereference | /tmp/x/b.go:9 main"
)]
#[case::in_a_goroutine(
    "listening\npanic: lost

goroutine 6 [running]:
main.main.func1()
	/tmp/x/b.go:10 +0x49
created by main.main
	/tmp/x/b.go:10 +0xa5
",
    "panic: lost | /tmp/x/b.go:10 main.func1, /tmp/x/b.go:10 main"
)]
#[case::deadlock(
    "fatal error: all goroutines are asleep - deadlock!

goroutine 1 [chan receive (nil chan)]:
main.main()
	/tmp/x/b.go:11 +0x165
",
    "panic: all goroutines are asleep - deadlock! | /tmp/x/b.go:11 main"
)]
#[case::again(
    "panic: first [recovered]
	panic: again first

goroutine 1 [running]:
main.main.func2()
	/tmp/x/b.go:12 +0x74
panic({0x489180, 0x4b7fc0})
	/usr/lib/go-1.19/src/runtime/panic.go:884 +0x212
",
    "panic: again first | /tmp/x/b.go:12 main.func2, /usr/lib/go-1.19/src/runtime/panic.go:884 panic"
)]
fn go(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

#[rstest]
#[case::unwrap(
    "
thread 'main' (26646) panicked at c.rs:5:82:
called `Option::unwrap()` on a `None` value
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
",
    "panic: called `Option::unwrap()` on a `None` value | c.rs:5 "
)]
#[case::thread(
    "
thread '<unnamed>' panicked at src/main.rs:7:110:
called `Result::unwrap()` on an `Err` value: \"no\\nline\"
",
    "panic: called `Result::unwrap()` on an `Err` value: \"no\\nline\" | src/main.rs:7 "
)]
#[case::before_1_73(
    "thread 'main' panicked at 'index out of bounds: the len is 1 but the index is 7', c.rs:1:36\n",
    "panic: index out of bounds: the len is 1 but the index is 7 | c.rs:1 "
)]
#[case::overflow(
    "
thread 'main' (26688) has overflowed its stack
fatal runtime error: stack overflow, aborting
",
    "signal, panic: stack overflow | "
)]
fn rust(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

#[rstest]
#[case::uncaught(
    "/tmp/x/d.js:3
  return x.toUpper();
           ^

TypeError: x.toUpper is not a function
    at f (/tmp/x/d.js:3:12)
    at Timeout._onTimeout (/tmp/x/d.js:8:37)
    at listOnTimeout (node:internal/timers:581:17)

Node.js v20.20.2
",
    "TypeError: x.toUpper is not a function | /tmp/x/d.js:3 f, /tmp/x/d.js:8 Timeout._onTimeout, \
     node:internal/timers:581 listOnTimeout"
)]
#[case::in_use(
    "node:events:502
      throw er; // Unhandled 'error' event
      ^

Error: listen EADDRINUSE: address already in use :::45123
    at Server.setupListenHandle [as _listen2] (node:net:1908:16)
    at Server.<anonymous> (/tmp/x/d.js:10:92)
Emitted 'error' event on Server instance at:
    at emitErrorNT (node:net:1944:8)
    at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {
  code: 'EADDRINUSE',
",
    "Error: listen EADDRINUSE: address already in use :::45123 | node:net:1908 Server.setupListenHandle [as _listen2], \
     /tmp/x/d.js:10 Server.<anonymous>, node:net:1944 emitErrorNT"
)]
#[case::no_error(
    "
/tmp/x/d.js:11
if (k === 'throw') throw 'a string';
                   ^
a string
(Use `node --trace-uncaught ...` to show where the exception was thrown)

Node.js v20.20.2
",
    "Uncaught: a string | /tmp/x/d.js:11 "
)]
#[case::rejected(
    "node:internal/process/promises:389
      new UnhandledPromiseRejection(reason);
      ^

UnhandledPromiseRejection: This error originated by rejecting a promise. The promise rejected with the reason \"why\".
    at throwUnhandledRejectionsMode (node:internal/process/promises:389:7)
    at process.processTicksAndRejections (node:internal/process/task_queues:96:32) {
  code: 'ERR_UNHANDLED_REJECTION'
}
",
    "UnhandledPromiseRejection: This error originated by rejecting a promise. The promise rejected with the reason \
     \"why\". | node:internal/process/promises:389 throwUnhandledRejectionsMode, \
     node:internal/process/task_queues:96 process.processTicksAndRejections"
)]
#[case::syntax(
    "/tmp/x/e.js:1
let a = (1;
          ^

SyntaxError: Unexpected token ';'
    at wrapSafe (node:internal/modules/cjs/loader:1464:18)
",
    "SyntaxError: Unexpected token ';' | /tmp/x/e.js:1 , node:internal/modules/cjs/loader:1464 wrapSafe"
)]
fn node(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

#[rstest]
#[case::sanitizer(
    "=================================================================
==4242==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x5555555552d5 bp 0x7fffffffe2b0
READ of size 1 at 0x602000000010 thread T0
    #0 0x5555555552d4 in serve /tmp/x/server.c:12
    #1 0x555555555311 in main /tmp/x/server.c:20:5
    #2 0x7ffff7446249  (/lib/x86_64-linux-gnu/libc.so.6+0x27249)

freed by thread T0 here:
    #0 0x7ffff78b76a8 in __interceptor_free ../../src/asan_malloc_linux.cpp:52
",
    "AddressSanitizer: heap-use-after-free | /tmp/x/server.c:12 serve, /tmp/x/server.c:20 main"
)]
#[case::undefined(
    "u.c:5:14: runtime error: index 9 out of bounds for type 'int [3]'\n",
    "UndefinedBehaviorSanitizer: index 9 out of bounds for type 'int [3]' | u.c:5 "
)]
#[case::cpp(
    "terminate called after throwing an instance of 'std::out_of_range'
  what():  vector::_M_range_check: __n (which is 5) >= this->size() (which is 1)
",
    "std::out_of_range: vector::_M_range_check: __n (which is 5) >= this->size() (which is 1) | "
)]
#[case::double_free(
    "free(): double free detected in tcache 2\n",
    "signal, panic: free(): double free detected in tcache 2 | "
)]
#[case::smashed("*** stack smashing detected ***: terminated\n", "signal, panic: stack smashing detected | ")]
#[case::assertion(
    "server: server.c:12: main: Assertion `n > 0' failed.\n",
    "signal, panic: assertion `n > 0' failed. | server.c:12 main"
)]
#[case::ruby(
    "server.rb:9:in `serve': undefined method `upcas' for \"a\":String (NoMethodError)\n\tfrom server.rb:12:in `<main>'\n",
    "NoMethodError: undefined method `upcas' for \"a\":String | server.rb:9 serve"
)]
#[case::php(
    "PHP Fatal error:  Uncaught TypeError: strlen(): Argument #1 must be of type string in /tmp/x/server.php:9\n",
    "TypeError: strlen(): Argument #1 must be of type string | /tmp/x/server.php:9 "
)]
#[case::perl("Illegal division by zero at server.pl line 9.\n", "die: Illegal division by zero | server.pl:9 ")]
#[case::nothing("server: port 80: Permission denied\n", "nothing")]
#[case::a_sentence("Error: cannot reach the server: Connection refused\n", "nothing")]
#[case::usage("usage: server.py PORT\n", "nothing")]
fn others(#[case] said: &str, #[case] expected: &str) {
    assert_eq!(told(said, true), expected);
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(said in "[ -~\n\t]{0,400}", more in proptest::sample::select(vec![
        "\ngoroutine 1 [running]:\n", "Traceback (most recent call last):\n  File \"", "Caused by: ", "thread 'x' panicked at ",
        "Fatal Python error: ", "ERROR: AddressSanitizer: ", "(Use `node --trace-uncaught", "Exception in thread \"",
    ])) {
        let _ = read(&format!("{said}{more}{said}"), true);
        let _ = read(&format!("panic: {more}{said}"), false);
    }
}
