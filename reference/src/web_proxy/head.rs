//! The head of a message: its first line, and its header fields, most of which we pass on unread.

/// Headers that are about one connection (RFC 9110, section 7.6.1), or meant for the proxy itself. `Transfer-Encoding` is
/// one of them, too; we keep it, because we pass the chunks on as they are.
const OF_ONE_CONNECTION: [&str; 7] =
    ["connection", "proxy-connection", "keep-alive", "te", "upgrade", "proxy-authorization", "proxy-authenticate"];

/// A head, taken apart just as far as a proxy needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The request line or status line, without its line end.
    pub first: String,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// In small letters: header names have no case.
    name: String,
    /// The whole line as it came, without its line end. Values need not be text.
    line: Vec<u8>,
}

impl Field {
    fn value(&self) -> &[u8] {
        self.line[self.name.len() + 1..].trim_ascii()
    }
}

impl Head {
    /// Takes a head apart. `None` if a line of it is no header field.
    pub fn of(head: &[u8]) -> Option<Self> {
        let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = String::from_utf8(lines.next()?.to_vec()).ok()?;
        let fields: Option<Vec<Field>> = lines.filter(|line| !line.is_empty()).map(field).collect();
        Some(Self { first, fields: fields? })
    }

    /// The values of all fields of a name, which must be in small letters.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(Field::value)
    }

    /// The words of a list that may be spread over several fields: `Connection: close, TE`. In small letters.
    pub fn words(&self, name: &str) -> Vec<String> {
        let words = self.values(name).flat_map(|value| value.split(|&byte| byte == b','));
        words.map(|word| String::from_utf8_lossy(word.trim_ascii()).to_ascii_lowercase()).collect()
    }

    /// Takes all fields of a name out.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|field| field.name != name);
    }

    /// Takes out what was meant for us.
    pub fn keep_end_to_end(&mut self) {
        let named = self.words("connection");
        self.fields.retain(|field| !OF_ONE_CONNECTION.contains(&field.name.as_str()) && !named.contains(&field.name));
    }

    /// The bytes: this first line, our own lines, the others as they came, and the empty line.
    pub fn bytes(&self, first: &str, own: &[String]) -> Vec<u8> {
        let own = own.iter().map(|line| line.as_bytes());
        let mut all = Vec::new();
        for line in [first.as_bytes()].into_iter().chain(own).chain(self.fields.iter().map(|field| &field.line[..])) {
            all.extend_from_slice(line);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(b"\r\n");
        all
    }
}

/// A header line. A blank before the colon is forbidden, and so is a line that begins with one: programs disagree about
/// what such lines mean, and who gets a message past one program that another reads differently has an open door.
fn field(line: &[u8]) -> Option<Field> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    let sound = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| Field { name: name.to_ascii_lowercase(), line: line.to_vec() })
}
