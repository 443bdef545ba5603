//! `report.html` as a student and an instructor meet it: written with `--out`, opened in a real browser.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::browser::Browser;
use crate::common::{fixture, folder, harness, installed, run, script, without_durations, write};

/// Grades a program for what a server prints, with evidence, and gives the page's path.
fn graded(folder: &Path, target: &Path, out: &str) -> PathBuf {
    let mut command = harness(folder);
    command.arg("--target").arg(target).args(["--task", "message", "--role", "server", "--out", out, "--quiet"]);
    for requirement in ["prints-exactly", "twenty-kb", "queues"] {
        command.args(["--requirement", &format!("message.{requirement}")]);
    }
    run(&mut command, 1);
    folder.join(out).join("report.html")
}

/// A server of messages that prints this besides, a sign that turns text round, and NUL.
fn talkative(folder: &Path, words: &str) -> PathBuf {
    let server = format!(
        "#!/usr/bin/env python3\n\
         import socket, sys\n\
         listener = socket.socket()\n\
         listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
         listener.bind(('', int(sys.argv[1])))\n\
         listener.listen()\n\
         print({words:?} + '\\u202e\\0', flush=True)\n\
         while True:\n    \
             connection, _ = listener.accept()\n    \
             while data := connection.recv(4096):\n        \
                 sys.stdout.buffer.write(data)\n        \
                 sys.stdout.buffer.flush()\n    \
             connection.close()\n"
    );
    script(folder, "server.py", &server);
    folder.join("server.py")
}

fn url(page: &Path) -> String {
    format!("file://{}", page.display())
}

#[test]
fn the_page_says_what_the_report_says() {
    let folder = folder();
    let page = graded(folder.path(), &fixture("student-bin"), "out");
    let text = std::fs::read_to_string(&page).unwrap();
    for words in [
        "<h1>message</h1>",
        "message.prints-exactly",
        "What failed",
        "<svg",
        "Transcript (",
        "harness replay report.json",
    ] {
        assert!(text.contains(words), "{words}");
    }
    let links: Vec<&str> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let files: Vec<&&str> = links.iter().filter(|link| !link.starts_with('#')).collect();
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        assert!(page.with_file_name("").join(file).is_file(), "{file}");
    }
}

#[test]
fn the_same_grading_gives_the_same_page_but_for_durations() {
    if !crate::common::doctor().contains("virtual time: yes") {
        crate::common::skipped("no simulated network here");
        return;
    }
    let folder = folder();
    let without_duration = |page: PathBuf| {
        let text = std::fs::read_to_string(page).unwrap();
        let (before, after) = text.split_once("Grading took ").expect("the duration");
        before.to_owned() + after.split_once(" ms").expect("its unit").1
    };
    // By a manifest the interpreter itself is started, and not what a version manager has put in its place: that is
    // a dozen short-lived shells, whose number of steps is the machine's.
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::copy(fixture("student-bin"), folder.path().join("mine/server.py")).unwrap();
    write(folder.path(), "mine/submission.toml", "[message]\nserver = \"python3 server.py {port}\"\n");
    let pages = ["one", "two"].map(|out| graded(folder.path(), &folder.path().join("mine"), out));
    let reports = pages
        .each_ref()
        .map(|page| without_durations(&std::fs::read_to_string(page.with_file_name("report.json")).unwrap()));
    assert_eq!(reports[0], reports[1]);
    let [one, two] = pages.map(without_duration);
    assert!(one == two, "the pages differ");
}

#[test]
fn a_browser_shows_it_on_a_phone_and_on_a_desk() {
    let Some(browser) = Browser::installed() else { return };
    let folder = folder();
    let page = graded(folder.path(), &fixture("student-bin"), "out");
    for (name, size) in [("phone", "390,844"), ("desk", "1280,900")] {
        let window = [&format!("--window-size={size}"), "--hide-scrollbars"];
        let (seen, bytes) = browser.photograph(&url(&page), &format!("report-{name}"), &window);
        assert!(seen.contains("<h1>message</h1>"), "{seen}");
        assert!(seen.contains("<strong>failed</strong>") && seen.contains("3 of 9 points"), "{seen}");
        // As many failures as were written: a browser drops none of them.
        let written = std::fs::read_to_string(&page).expect("the page").matches("<article ").count();
        assert!(written > 0 && seen.matches("<article ").count() == written, "{seen}");
        let width = bytes.get(16..20).map(|width| width.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)));
        assert_eq!(width, size.split(',').next().and_then(|width| width.parse().ok()), "the PNG's width");
    }
}

#[test]
fn nothing_that_a_program_prints_reaches_the_browser_as_markup() {
    let Some(browser) = Browser::installed() else { return };
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = elsewhere.local_addr().expect("its address").port();
    let visits = Arc::new(AtomicUsize::new(0));
    let seen_there = Arc::clone(&visits);
    // It ends with this process.
    std::thread::spawn(move || {
        for connection in elsewhere.incoming() {
            seen_there.fetch_add(1, Ordering::SeqCst);
            // Without an answer the browser would wait for one.
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = connection.and_then(|mut connection| connection.write_all(answer));
        }
    });
    let visited = || visits.swap(0, Ordering::SeqCst) > 0;
    let image = format!("<img src=http://127.0.0.1:{port}/x.png>");
    let folder = folder();
    // The control: that a browser loads what a page names can be seen here.
    let control = folder.path().join("control.html");
    std::fs::write(&control, format!("<!DOCTYPE html><title>t</title>{image}")).unwrap();
    browser.look(&url(&control), &[]);
    assert!(visited(), "the browser does not load a picture at all");

    let words = format!("</code></pre>--><h1>passed</h1>{image}<script>document.title='mine'</script>");
    let page = graded(folder.path(), &talkative(folder.path(), &words), "out");
    let seen = browser.look(&url(&page), &[]);
    assert!(!visited(), "the page loads something");
    assert!(seen.contains("&lt;img src=http://127.0.0.1:"), "{seen}");
    assert_eq!(
        (seen.matches("<h1>").count(), seen.matches("<img").count(), seen.matches("<script").count()),
        (1, 0, 0)
    );

    // Even if markup came through, the page's policy would let nothing in.
    let text = std::fs::read_to_string(&page).unwrap();
    let broken = text.replace("<main>", &format!("<main>{image}<script>document.title='mine'</script>"));
    assert_ne!(broken, text);
    std::fs::write(&page, broken).unwrap();
    let seen = browser.look(&url(&page), &[]);
    assert!(!visited(), "the policy lets a picture in");
    assert!(seen.contains("<img") && !seen.contains("<title>mine</title>"), "{seen}");
}

/// How wide the page is that a window of 360 pixels shows, everything unfolded, and how wide the window is inside. The
/// page has no script and lets none in; a copy of it gets one, to measure.
fn width_on_a_phone(browser: &Browser, page: &Path) -> (u32, u32) {
    let text = std::fs::read_to_string(page).expect("the page");
    let (before, rest) = text.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
    let (_, after) = rest.split_once('>').expect("its end");
    let measure =
        "<script>parent.postMessage(document.documentElement.scrollWidth + ' of ' + innerWidth, '*')</script>";
    let copy = format!("{before}{after}")
        .replace("<details", "<details open")
        .replace("</body>", &format!("{measure}</body>"));
    std::fs::write(page.with_file_name("copy.html"), copy).expect("a copy");
    let frame = page.with_file_name("frame.html");
    let window = "<!DOCTYPE html><title>none</title><script>onmessage = e => document.title = e.data</script>\
                  <iframe src=\"copy.html\" style=\"width:360px;height:800px;border:0\"></iframe>";
    std::fs::write(&frame, window).expect("a frame");
    // As long as it takes the frame to answer, by the browser's own clock.
    let seen = browser.look(&url(&frame), &["--virtual-time-budget=5000"]);
    let title = seen.split("<title>").nth(1).and_then(|rest| rest.split('<').next()).expect("a title").to_owned();
    let (width, of) = title.split_once(" of ").unwrap_or_else(|| panic!("{title}"));
    (width.parse().expect("pixels"), of.parse().expect("pixels"))
}

#[test]
fn a_phone_shows_all_of_it_without_scrolling_sideways() {
    let Some(browser) = Browser::installed() else { return };
    let folder = folder();
    let long = format!("{}/{}", "x".repeat(3000), "wide ".repeat(200));
    for page in [
        graded(folder.path(), &fixture("student-bin"), "out"),
        graded(folder.path(), &talkative(folder.path(), &long), "long"),
    ] {
        let (width, window) = width_on_a_phone(&browser, &page);
        assert_eq!(window, 360);
        assert!(width <= window, "{width} pixels in a window of {window}: {}", page.display());
    }
}

#[test]
fn the_page_names_nothing_that_would_be_loaded() {
    let folder = folder();
    let words = "<link rel=stylesheet href=http://192.0.2.1/x.css> url(http://192.0.2.1/x.png) @import";
    for (out, target) in [("out", fixture("student-bin")), ("said", talkative(folder.path(), words))] {
        let page = graded(folder.path(), &target, out);
        let text = std::fs::read_to_string(&page).expect("the page");
        let (head, body) = text.split_once("</head>").expect("a head");
        assert!(head.contains("default-src 'none'"), "{head}");
        for element in
            ["<script", "<img", "<link", "<iframe", "<object", "<embed", "<form", "<base", "<video", "<audio", "<image"]
        {
            assert!(!text.contains(element), "{element}");
        }
        let tags = || body.split('<').skip(1).filter_map(|rest| rest.split('>').next());
        for attribute in
            [" src=", " srcset=", " action=", " poster=", " background=", " data=", " xlink:href=", " style=", " on"]
        {
            let named = tags().find(|tag| tag.contains(attribute) && tag.contains('='));
            assert!(named.is_none(), "{attribute}: <{}", named.unwrap_or_default());
        }
        let links = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for link in links.filter(|link| !link.starts_with('#')) {
            assert!(page.with_file_name("").join(link).is_file(), "{link}");
        }
    }
}

#[test]
fn it_prints_with_what_is_folded_up_on_the_screen() {
    let Some(browser) = Browser::installed() else { return };
    if !installed("pdftotext") {
        return;
    }
    let folder = folder();
    let page = graded(folder.path(), &fixture("student-bin"), "out");
    let paper = browser.print(&url(&page), "report-paper");
    let text = |pages: &[&str]| {
        let mut command = assert_cmd::Command::new("pdftotext");
        crate::common::stdout(&run(command.args(pages).arg("-layout").arg(&paper).arg("-"), 0))
    };
    // A range of pages can be taken out: the first has the verdict.
    let first = text(&["-f", "1", "-l", "1"]);
    assert!(first.contains("3 of 9 points") && first.contains("failed"), "{first}");
    let all = text(&[]);
    for words in ["What failed", "harness replay report.json", "alice", "listens on"] {
        assert!(all.contains(words), "{words}: {all}");
    }
}
