//! Where in a document the validator stands.

use std::fmt::Write;

use json::{Value, escape_pointer};

/// A chain of steps from the document down to a value. It lives on the stack and becomes text only when a
/// finding needs it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(Value<'p>),
    Name(&'static str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(crate) const ROOT: Place<'static> = Place { above: None, step: Step::Root };

    #[inline]
    pub(crate) const fn key(&'p self, key: Value<'p>) -> Self {
        Self { above: Some(self), step: Step::Key(key) }
    }

    #[inline]
    pub(crate) const fn index(&'p self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Index(index) }
    }

    #[inline]
    pub(crate) const fn name(&'p self, name: &'static str) -> Self {
        Self { above: Some(self), step: Step::Name(name) }
    }

    /// The RFC 6901 pointer.
    pub(crate) fn pointer(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        if let Some(above) = self.above {
            above.write(out);
        }
        match self.step {
            Step::Root => {}
            Step::Key(key) => {
                out.push('/');
                out.push_str(&escape_pointer(&key.as_str().unwrap_or_default()));
            }
            Step::Name(name) => {
                out.push('/');
                out.push_str(name);
            }
            Step::Index(index) => {
                let _ = write!(out, "/{index}");
            }
        }
    }
}
