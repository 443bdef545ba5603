//! How a program says that something is wrong: the one place that knows the words.
//!
//! Lenient, because students write in their own language and libraries in theirs: one word is enough. Strict in that a
//! word counts only as a whole one (`number` has no `err` in it, `download` no `down`), and what a runtime prints of
//! itself is not the program's.

/// Words and phrases by language, in small letters, without punctuation. `*` stands for any beginning or ending.
const WORDS: &[(&str, &str)] = &[
    (
        "English",
        "*error, *errors, err, errno, fail*, *failed, *failure, *n't, cant, couldnt, dont, doesnt, isnt, \
         wont, cannot, not, nothing, nobody, unable, refus*, reject*, in use, denied, forbidden, invalid*, \
         a valid, illegal*, usage, syntax, argument*, *exception, *exceptions, traceback, bad, wrong, \
         incorrect*, improper*, no such, no route, no server, no answer, no reply, no response, no pong, \
         no connection, no space, no host, occupied, taken, busy, already, closed, reset, abort*, \
         interrupted, terminated, disconnected, lost, loss, broken, dropped, unanswered, unreachable, \
         unavailable, unknown, unexpected*, unsupported, unrecognized, unrecognised, undefined, timeout, \
         timeouts, timed out, time out, expired, exist, exists, exit status, panic*, fatal, warning, must, \
         should be, has to be, a number from, a number between, range, expected, missing, required, specify, \
         provide, incomplete, insufficient, exceed*, corrupt*, retry*, retries, trying again, try again, \
         give up, giving up, gave up, is down, was down, be down, server down, host down, went down, \
         shut down, shutting down, offline, gone, problem*, trouble, issue, oops, sorry, impossible, \
         too many, too few, too long, too large, too big, too small",
    ),
    (
        "German",
        "*fehler, fehlerhaft*, fehlgeschlagen, fehlt, fehlen*, nicht, kein, keine*, niemand, belegt, \
         besetzt, vergeben, ungültig*, unzulässig*, falsch*, verweigert, abgelehnt, abgewiesen, abgebrochen, \
         abgelaufen, unbekannt*, unmöglich, unerreichbar, verloren, getrennt, gescheitert, scheitert*, \
         zeitüberschreitung, benutzung, verwendung, aufruf, warnung, achtung, bereits, muss, erwartet*, \
         ausnahme, leider",
    ),
    (
        "French",
        "erreur*, échec*, echec*, échou*, echou*, pas, impossible, invalide*, refusé*, refusée, déjà, deja, \
         occupé*, inconnu*, manqu*, expiré*, perdu*, introuvable, injoignable, inaccessible, interrompu*, \
         utilisation, doit, attendu*, inattendu*, avertissement, aucun*, mauvais*, délai",
    ),
    (
        "Spanish",
        "fallo*, falló, fallid*, falla*, no se, no hay, no es, no pudo, no puede, no existe, no está, \
         no esta, no válid*, inválid*, incorrect*, rechaz*, denegad*, ya está, ya esta, ya existe, en uso, \
         ocupad*, desconocid*, agotado, perdid*, falta*, uso, imposible, excepción, excepcion, debe, \
         inesperad*, advertencia, cerrad*",
    ),
    (
        "Portuguese",
        "erro, erros, falh*, não, nao, recus*, negad*, em uso, incorret*, desconhecid*, esgotado, \
         impossível, impossivel, exceção, excecao, deve, aviso, já",
    ),
    (
        "Italian",
        "errore, errori, fallit*, fallimento, impossibile, non, già, gia, in uso, occupat*, rifiutat*, \
         negat*, sconosciut*, scadut*, persa, perso, mancant*, manca, eccezione, attenzione, avviso, \
         utilizzo, irraggiungibile",
    ),
    (
        "Polish",
        "błąd*, blad, błęd*, bledn*, nie, niepowodzenie, nieprawidłow*, nieprawidlow*, niepoprawn*, \
         niedostępn*, nieznan*, niestety, odmow*, odmów*, odrzuc*, zajęt*, zajet*, w użyciu, w uzyciu, \
         brak*, użycie, uzycie, wyjątek, wyjatek, utracon*, przekroczon*, zły, musi, ostrzeżenie, już, juz",
    ),
    (
        "Turkish",
        "hata*, başarısız*, basarisiz*, geçersiz*, gecersiz*, redded*, kullanımda, kullanimda, kullanılıyor, \
         zaten, *amadı, *emedi, *amadi, değil, degil, yok, yanlış*, yanlis*, kullanım, kullanim, eksik, \
         zaman aşımı, zaman asimi, meşgul, mesgul, olmalı*, olmali*, kesildi, koptu, bilinmeyen, uyarı",
    ),
    (
        "Russian",
        "ошибк*, не, нет, невозможно, неверн*, неправильн*, недопустим*, некорректн*, недоступ*, неизвестн*, \
         отказ*, отклон*, занят*, уже, исключение, потер*, истек*, превышен*, таймаут, тайм аут, долж*, \
         сбой, предупреждение, разорван*, прерван*, использование",
    ),
];

/// Words of scripts that do not part words with blanks, or whose letters carry marks: found anywhere.
const ANYWHERE: &[(&str, &str)] = &[
    (
        "Chinese",
        "错误, 錯誤, 失败, 失敗, 无法, 無法, 不能, 不存在, 不可, 不正确, 不正確, 无效, 無效, 非法, 拒绝, 拒絕, 占用, 佔用, 已被, 超时, 超時, 异常, 異常, 未知, \
         没有, 沒有, 断开, 斷開, 用法, 警告, 缺少, 必须, 必須, 出错, 出錯",
    ),
    (
        "Japanese",
        "エラー, 失敗, できません, できない, ありません, 無効, 不正, 拒否, 使用中, 使用されています, タイムアウト, 例外, 不明, 切断, 使い方, 警告, 既に, すでに, 間違, \
         見つかりません",
    ),
    ("Korean", "오류, 실패, 없습니다, 거부, 잘못, 사용 중, 사용법"),
    ("Hindi", "त्रुटि, विफल, असफल, नहीं, अमान्य, गलत, ग़लत, अस्वीकार, पहले से, समय समाप्त, अज्ञात, चेतावनी"),
];

/// What a server can refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// To take a mail.
    Mail,
    /// To let somebody in.
    Login,
    /// To keep a file.
    File,
}

impl Refused {
    /// What it means for who waits for the program.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Mail => "the mail was not sent",
            Self::Login => "the login was refused",
            Self::File => "the file was not stored",
        }
    }
}

/// Whether a program says that something is wrong.
pub fn is_complaint(text: &[u8]) -> bool {
    let text = own(text).to_lowercase().replace('\u{2019}', "'");
    if ANYWHERE.iter().any(|(_, words)| each(words).any(|word| text.contains(word))) {
        return true;
    }
    text.lines().any(|line| {
        let words: Vec<&str> = line
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .map(|word| word.trim_matches('\''))
            .filter(|word| !word.is_empty())
            .collect();
        WORDS.iter().any(|(_, known)| each(known).any(|phrase| has(&words, phrase)))
    })
}

/// The words of a list.
fn each(list: &str) -> impl Iterator<Item = &str> {
    list.split(", ")
}

/// Whether a program says anything at all, what its runtime says of itself aside.
pub fn says_anything(text: &[u8]) -> bool {
    !own(text).trim().is_empty()
}

/// Whether a phrase stands in a row of words.
fn has(words: &[&str], phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split(' ').collect();
    words.windows(wanted.len()).any(|row| row.iter().zip(&wanted).all(|(word, wanted)| is(word, wanted)))
}

/// Whether a word is the one that is meant; `*` stands for any beginning or ending.
fn is(word: &str, wanted: &str) -> bool {
    match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(end), _) => word.ends_with(end),
        (_, Some(beginning)) => word.starts_with(beginning),
        _ => word == wanted,
    }
}

/// Words that say no, whole.
const NO: &[&str] = &[
    "no", "not", "none", "nothing", "nobody", "null", "never", "without", "neither", "nor", "cannot", "invalid",
    "unknown", "nxdomain", "unable", "denied", "empty", "missing", "dont", "doesnt", "wont", "cant",
];

/// Beginnings of words that say no.
const NO_STEMS: &[&str] = &["error", "fail", "refus", "reject", "unreachab", "unresolv", "disabl"];

/// Whether a text says no in some way.
pub fn says_no(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase().replace('\u{2019}', "'");
    let mut words = text.split(|c: char| !c.is_alphabetic() && c != '\'').map(|word| word.trim_matches('\''));
    words.any(|word| NO.contains(&word) || word.ends_with("n't") || NO_STEMS.iter().any(|stem| word.starts_with(stem)))
}

/// The first line that says that what was refused was done.
pub fn claims_success(text: &[u8], what: Refused) -> Option<String> {
    const CLAIMS: &[&str] = &[
        "success",
        "delivered",
        "mail sent",
        "message sent",
        "mail was sent",
        "message was sent",
        "has been sent",
        "sent!",
        "mail accepted",
        "logged in",
        "message accepted",
        "uploaded",
        "transferred",
        "file sent",
        "file was sent",
        "file stored",
        "upload complete",
        "upload finished",
        "upload done",
        "transfer complete",
        "transfer finished",
    ];
    // Where a file is refused the login was not, and how far the transfer has come may be said as it goes on.
    const ON_THE_WAY: &[&str] =
        &["log", "connect", "auth", "welcome", "passive", "mode", "byte", "%", "kb", "block", "chunk", " be "];
    let text = String::from_utf8_lossy(text).into_owned();
    let claims = |line: &&str| {
        let small = line.to_lowercase();
        let on_the_way = what == Refused::File && ON_THE_WAY.iter().any(|word| small.contains(word));
        let claim = CLAIMS.iter().any(|claim| small.contains(claim)) && !on_the_way;
        claim && !says_no(line.as_bytes()) && !small.contains("unsuccess")
    };
    text.lines().find(claims).map(str::to_owned)
}

/// Whether a text says that there is no room for a file, in words that have no `no` in them.
pub fn says_no_room(text: &[u8]) -> bool {
    const WORDS: [&str; 6] = ["exceed", "quota", "insufficient", "disk full", "disk is full", "out of space"];
    let text = String::from_utf8_lossy(text).to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// What was said without sentences that only say that there is nothing: who goes on after a refused login finds nothing, and
/// has not said why.
pub fn without_emptiness(said: &[u8]) -> Vec<u8> {
    const THINGS: [&str; 4] = ["mail", "message", "letter", "box"];
    const WHY: [&str; 10] =
        ["log", "password", "user", "auth", "denied", "refus", "reject", "fail", "error", "invalid"];
    let text = String::from_utf8_lossy(said).into_owned();
    let is_empty = |line: &&str| {
        let line = line.to_lowercase();
        THINGS.iter().any(|word| line.contains(word)) && !WHY.iter().any(|word| line.contains(word))
    };
    text.lines().filter(|line| !is_empty(line)).collect::<Vec<_>>().join("\n").into_bytes()
}

/// A text without what a runtime prints of its own accord: the options of a Java machine, the warnings of Python with
/// the line of source below them.
pub fn own(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut own = String::new();
    let mut below_warning = false;
    for line in text.split_inclusive('\n') {
        let is_warning = line.split(": ").any(|word| word.ends_with("Warning") && word.len() > "Warning".len());
        let is_source = below_warning && line.starts_with("  ");
        below_warning = is_warning;
        let is_options = line.starts_with("Picked up ") && line.contains("OPTIONS");
        if !(is_warning || is_source || is_options) {
            own.push_str(line);
        }
    }
    own
}

/// Whether what was printed is a bare traceback of a language's runtime.
pub fn is_traceback(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let text = without_logs(&text);
    [
        "Traceback (most recent call last)",
        "Exception in thread",
        "goroutine 1 [",
        "    at ",
        "thread 'main' panicked",
        "panicked at",
        "Uncaught",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// A text without the tracebacks that Paramiko logs of its own thread before it raises an exception in the program's. What
/// nobody has caught there comes without its heading.
fn without_logs(text: &str) -> String {
    const HEADINGS: [&str; 2] = ["Exception (client): ", "Exception (server): "];
    let mut left = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if !HEADINGS.iter().any(|heading| line.starts_with(heading)) {
            left.push_str(line);
            continue;
        }
        // One traceback, or several of which each says that it came of the one before: calls, the exception, an empty line.
        while lines.next_if(|line| line.starts_with("Traceback (most recent call last)")).is_some() {
            while lines.next_if(|line| line.starts_with(' ')).is_some() {}
            lines.next();
            lines.next_if(|line| line.trim().is_empty());
            if lines.next_if(|line| line.starts_with("During handling of") || line.starts_with("The above")).is_some() {
                lines.next_if(|line| line.trim().is_empty());
            } else {
                break;
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const COMPLAINTS: &[&str] = &[
        "bind: Address already in use",
        "OSError: [Errno 98] Address already in use",
        "java.net.BindException: Address already in use (Bind failed)",
        "Exception in thread \"main\" java.net.ConnectException: Connection refused",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "connect: Connection refused",
        "listen tcp :5000: bind: address already in use",
        "Error: listen EADDRINUSE: address already in use :::5000",
        "thread 'main' panicked at src/main.rs:9:5",
        "client: cannot reach 127.0.0.1 port 5000",
        "Can't connect to the server!",
        "Couldn\u{2019}t bind the socket",
        "Could not open socket",
        "ERROR on binding",
        "socket creation failed...",
        "Bind failed. Error",
        "Unable to connect",
        "Usage: ./server <port>",
        "usage: python3 client.py HOST PORT",
        "Syntax: server PORT",
        "Wrong number of arguments",
        "Please give two arguments",
        "Port must be a number",
        "PORT is a number from 1 to 65535",
        "Please enter a valid port",
        "Invalid port number",
        "port out of range",
        "The server is down",
        "No server is listening there.",
        "Server not found",
        "Request timed out",
        "Ping 3: Request time-out",
        "10 sent, 7 received, 30% loss",
        "Connection reset by peer",
        "Broken pipe",
        "Connection closed by the server",
        "getaddrinfo: Name or service not known",
        "Network is unreachable",
        "no route to host",
        "Permission denied",
        "Sorry, something is broken",
        "Too few parameters",
        "Fehler: Port ist schon belegt",
        "Verbindung abgelehnt",
        "Der Server antwortet nicht",
        "Aufruf: server PORT",
        "Erreur : adresse déjà utilisée",
        "Échec de la connexion",
        "Conexión rechazada",
        "El puerto ya está en uso",
        "Porta em uso",
        "Conexão recusada: não há servidor",
        "Connessione rifiutata",
        "Błąd: port zajęty",
        "Bağlantı kurulamadı",
        "Hata: adres kullanımda",
        "Ошибка: адрес уже используется",
        "连接失败",
        "錯誤：位址已在使用",
        "エラー: 接続できません",
        "त्रुटि: पोर्ट पहले से उपयोग में है",
        "연결 실패",
    ];

    const NO_COMPLAINTS: &[&str] = &[
        "",
        "   \n",
        "This is lab number 1",
        "Lab No. 3, networks",
        "Enter a number:",
        "The server is ready to receive",
        "Listening on port 5000",
        "Server listening on 0.0.0.0:12345",
        "Server started",
        "Waiting for a client...",
        "Waiting for connections",
        "Connected to 127.0.0.1",
        "Connection from ('127.0.0.1', 40312)",
        "Got connection from 127.0.0.1",
        "Accepted a client",
        "Socket created",
        "Socket successfully created",
        "Socket binded to 5000",
        "Bind done",
        "bind() ok",
        "Binding to port 5000",
        "Input lowercase sentence:",
        "From Server: HELLO WORLD",
        "HELLO WORLD",
        "Received: hello",
        "Message received",
        "Message sent",
        "Sending 20480 bytes",
        "Downloaded 4096 bytes",
        "download complete",
        "Counting down 3 2 1",
        "Countdown",
        "Transferred 20 KB in 3 ms",
        "Ferret",
        "terrific, it works",
        "Enter password:",
        "Access granted",
        "Welcome to the chat",
        "anna has joined",
        "Reply from 127.0.0.1: time=0.4 ms",
        "Ping 1: reply from 127.0.0.1, time=0.041 ms",
        "min/avg/max = 0.1/0.2/0.3 ms",
        "220 localhost ready",
        "250 ok",
        "HTTP/1.1 200 OK",
        "GET /index.html HTTP/1.1",
        "Result: 42",
        "42",
        "Goodbye!",
        "Bye",
        "Press Ctrl+C to stop",
        "Type exit to leave",
        "Notebook",
        "another note",
        "Mustafa",
        "Badminton",
        "Picked up _JAVA_OPTIONS: -Xmx64m -Derror=1",
        "server.py:3: DeprecationWarning: asyncore is removed, do not use it\n  import asyncore\n",
        "Bereit auf Port 5000",
        "Serveur en écoute sur le port 5000",
        "Servidor escuchando en el puerto 5000",
        "Servidor pronto na porta 5000",
        "In ascolto sulla porta 5000",
        "Serwer działa na porcie 5000",
        "Sunucu 5000 portunda dinliyor",
        "Сервер слушает порт 5000",
        "服务器正在监听端口 5000",
        "サーバーはポート5000で待機しています",
        "सर्वर पोर्ट 5000 पर सुन रहा है",
    ];

    #[test]
    fn a_complaint_is_known() {
        assert!(COMPLAINTS.len() >= 60);
        let missed: Vec<_> = COMPLAINTS.iter().filter(|text| !is_complaint(text.as_bytes())).collect();
        assert_eq!(missed, Vec::<&&str>::new());
    }

    #[test]
    fn an_ordinary_message_is_none() {
        assert!(NO_COMPLAINTS.len() >= 60);
        let taken: Vec<_> = NO_COMPLAINTS.iter().filter(|text| is_complaint(text.as_bytes())).collect();
        assert_eq!(taken, Vec::<&&str>::new());
    }

    /// A word that is written with a capital or a dash would never be found.
    #[test]
    fn the_words_are_as_they_are_looked_for() {
        let words = WORDS.iter().flat_map(|(_, words)| each(words));
        let is_looked_for = |word: &&str| {
            word.to_lowercase() == *word && word.chars().all(|c| c.is_alphanumeric() || [' ', '*', '\''].contains(&c))
        };
        assert_eq!(words.filter(|word| !is_looked_for(word)).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn a_runtime_speaks_for_itself() {
        assert!(!says_anything(b"Picked up JAVA_TOOL_OPTIONS: -Dfile.encoding=UTF8\n"));
        assert!(!says_anything(b"x.py:1: SyntaxWarning: invalid escape sequence\n  print('\\d')\n"));
        assert!(says_anything(b"Picked up _JAVA_OPTIONS: -Xmx64m\nno port\n"));
    }

    #[rstest]
    #[case("example.org does not accept mail", true)]
    #[case("No MX record", true)]
    #[case("this domain doesn't exist", true)]
    #[case("gaierror: Name or service not known", true)]
    #[case("NXDOMAIN", true)]
    #[case("failed: SERVFAIL", true)]
    #[case("0 .", false)]
    #[case("mail server of north.example: mx1.north.example (192.0.2.1)", false)]
    #[case("", false)]
    fn knows_a_no(#[case] text: &str, #[case] no: bool) {
        assert_eq!(says_no(text.as_bytes()), no);
    }

    #[rstest]
    #[case("Mail sent", true)]
    #[case("Email sent successfully!", true)]
    #[case("the mail could not be sent", false)]
    #[case("message was not delivered", false)]
    #[case("sending ...", false)]
    #[case("unsuccessful", false)]
    fn knows_a_claim(#[case] text: &str, #[case] claim: bool) {
        assert_eq!(claims_success(text.as_bytes(), Refused::Mail).is_some(), claim);
    }

    #[rstest]
    #[case("letter.txt uploaded", true)]
    #[case("Upload successful!", true)]
    #[case("Transfer complete", true)]
    #[case("Successfully logged in", false)]
    #[case("connected successfully", false)]
    #[case("uploaded 8192 bytes", false)]
    #[case("letter.txt could not be uploaded", false)]
    #[case("uploading letter.txt ...", false)]
    fn knows_a_claim_about_a_file(#[case] text: &str, #[case] claim: bool) {
        assert_eq!(claims_success(text.as_bytes(), Refused::File).is_some(), claim);
    }

    #[rstest]
    #[case("curl: (70) Exceeded storage allocation", true)]
    #[case("letter.txt uploaded successfully", false)]
    fn knows_a_lack_of_room(#[case] said: &str, #[case] lack: bool) {
        assert_eq!(says_no_room(said.as_bytes()), lack);
    }

    #[rstest]
    #[case("the mailbox is empty\n", "")]
    #[case("no messages", "")]
    #[case("Login failed: no mail", "Login failed: no mail")]
    #[case("not allowed", "not allowed")]
    fn to_find_nothing_is_no_reason(#[case] said: &str, #[case] left: &str) {
        assert_eq!(String::from_utf8(without_emptiness(said.as_bytes())).unwrap(), left);
    }

    #[rstest]
    #[case::options_of_java("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nready\n", "ready\n")]
    #[case::not_of_java("Picked up 3 letters\n", "Picked up 3 letters\n")]
    #[case::of_its_own("set the OPTIONS\n", "set the OPTIONS\n")]
    #[case::a_warning_with_its_line("a.py:3: DeprecationWarning: old\n  import asyncore\nready\n", "ready\n")]
    #[case::a_warning_alone("a.py:3: DeprecationWarning: old\nready\n  indented\n", "ready\n  indented\n")]
    #[case::the_program_warns("Warning: file lost\n  at once\n", "Warning: file lost\n  at once\n")]
    fn what_runtimes_say_is_left_out(#[case] text: &str, #[case] left: &str) {
        assert_eq!(own(text.as_bytes()), left);
    }

    #[rstest]
    #[case(Refused::Mail, "the mail was not sent")]
    #[case(Refused::Login, "the login was refused")]
    #[case(Refused::File, "the file was not stored")]
    fn a_refusal_means_something(#[case] what: Refused, #[case] meaning: &str) {
        assert_eq!(what.meaning(), meaning);
    }

    const RAISED: &str =
        "Traceback (most recent call last):\n  File \"a.py\", line 1\n    go()\n    ^^^^\nSSHException: none\n";

    #[rstest]
    #[case(RAISED.to_owned(), true)]
    #[case(format!("Exception (client): none\n{RAISED}\nError: no SSH server there\n"), false)]
    #[case(format!("Exception (client): none\n{RAISED}\nDuring handling of it, another\n\n{RAISED}\n"), false)]
    #[case(format!("Exception (client): none\n{RAISED}\n{RAISED}"), true)]
    #[case(format!("cannot connect\n{RAISED}"), true)]
    #[case("no SSH server there\n".to_owned(), false)]
    fn a_log_of_a_library_is_no_bare_traceback(#[case] said: String, #[case] bare: bool) {
        assert_eq!(is_traceback(said.as_bytes()), bare);
    }
}
