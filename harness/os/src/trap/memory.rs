//! Reading and writing the memory of a trapped process, by its own page protections.

/// The memory of one thread's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    thread: i32,
}

impl Memory {
    /// The memory that this thread sees.
    pub fn of(thread: i32) -> Self {
        Self { thread }
    }

    /// Fills `buffer` from `address`; `false` when any byte of it is not readable there.
    pub fn read(self, address: u64, buffer: &mut [u8]) -> bool {
        if buffer.is_empty() {
            return true;
        }
        let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
        let remote = libc::iovec { iov_base: address as *mut _, iov_len: buffer.len() };
        // SAFETY: `local` spans exactly `buffer`; the remote address is checked by the kernel against the
        // other process and never dereferenced here.
        let done = unsafe { libc::process_vm_readv(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
        done == buffer.len() as isize
    }

    /// Copies `bytes` to `address`; `false` when any byte of it is not writable there.
    pub fn write(self, address: u64, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let local = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut _, iov_len: bytes.len() };
        // SAFETY: `local` spans exactly `bytes`, which the kernel only reads; the remote address is checked by
        // the kernel against the other process.
        let done = unsafe { libc::process_vm_writev(self.thread, &raw const local, 1, &raw const remote, 1, 0) };
        done == bytes.len() as isize
    }

    /// An array of bytes at `address`.
    pub fn array<const N: usize>(self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read(address, &mut bytes).then_some(bytes)
    }

    /// The 32-bit word at `address`.
    pub fn word32(self, address: u64) -> Option<u32> {
        self.array(address).map(u32::from_le_bytes)
    }

    /// The 64-bit word at `address`.
    pub fn word64(self, address: u64) -> Option<u64> {
        self.array(address).map(u64::from_le_bytes)
    }
}
