//! Standard output and error, with readers that leave early.

use std::io::{ErrorKind, Write};

use crate::FAILED;

/// The two streams of a run. After the first failure of standard output nothing more is written to it.
pub(crate) struct Streams<'s> {
    out: &'s mut dyn Write,
    err: &'s mut dyn Write,
    failure: Option<std::io::Error>,
    /// Which of several repositories what follows is about, until it has been said.
    about: Option<String>,
}

impl<'s> Streams<'s> {
    pub(crate) fn new(out: &'s mut dyn Write, err: &'s mut dyn Write) -> Self {
        Self { out, err, failure: None, about: None }
    }

    /// Writes a part of the result.
    pub(crate) fn out(&mut self, text: &str) {
        if self.failure.is_none() {
            self.failure = self.out.write_all(text.as_bytes()).err();
        }
    }

    /// Names the repository that findings and errors are about from now on, where there are several.
    pub(crate) fn about(&mut self, name: Option<String>) {
        self.about = name;
    }

    /// Writes a finding, a hint or an error. A closed stream is passed over: there is nobody to tell.
    pub(crate) fn err(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(name) = self.about.take() {
            let _ = self.err.write_all(format!("{name}:\n").as_bytes());
        }
        let _ = self.err.write_all(text.as_bytes());
    }

    /// Flushes both; `code`, unless the result could not be written for another reason than a reader that left.
    pub(crate) fn finish(mut self, code: i32) -> i32 {
        let flushed = self.out.flush().err();
        let code = match self.failure.take().or(flushed) {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.err(&format!("error: cannot write the result: {error}\n"));
                FAILED
            }
            _ => code,
        };
        let _ = self.err.flush();
        code
    }
}
