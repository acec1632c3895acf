//! PDF engines behind one trait. None of them is safe in process: they run in the worker only.

mod boss;
mod extract;
mod form;
mod hyphens;
mod outline;

use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use crate::outcome::{Failure, Meta, Piece};

/// A PDF engine by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PdfEngineName {
    /// `pdfboss`: measured the best and the fastest.
    Pdfboss,
    /// `pdf-extract`: another parser altogether, for what the first can't read.
    PdfExtract,
}

impl PdfEngineName {
    /// All of them, in the order in which they are best tried.
    pub const ALL: [Self; 2] = [Self::Pdfboss, Self::PdfExtract];

    /// The name, as pipelines and provenance spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdfboss => "pdfboss",
            Self::PdfExtract => "pdf-extract",
        }
    }

    /// The engine's version, followed by ours where what we make of its output has changed.
    pub fn version(self) -> &'static str {
        match self {
            Self::Pdfboss => "2.16.1+1",
            Self::PdfExtract => "0.12.1+1",
        }
    }

    /// The engine of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == name)
    }

    pub(crate) fn engine(self) -> Box<dyn PdfEngine> {
        match self {
            Self::Pdfboss => Box::new(boss::Pdfboss),
            Self::PdfExtract => Box::new(extract::PdfExtract),
        }
    }
}

impl std::fmt::Display for PdfEngineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Takes pages as they finish; `Break` when it wants no more.
pub(crate) type Pages<'p> = dyn FnMut(Piece) -> ControlFlow<()> + 'p;

/// Turns a PDF into the text of its pages.
pub(crate) trait PdfEngine {
    /// Hands over at most `limit` pages in order, one piece each, those without text and those that
    /// failed included. Fails only where no page can be had; never calls back with raw text.
    fn read(&self, bytes: Vec<u8>, limit: u32, pages: &mut Pages<'_>) -> Result<Meta, Failure>;
}

/// Runs one step of a parser so that its panic costs that step only.
fn guarded<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|payload| panic_text(&*payload))
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = said.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("panic: {}", text.as_deref().unwrap_or("without a message"))
}

/// Makes broken words of a page whole, normalizes its text and takes off blank lines around it.
fn tidy(raw: &str) -> String {
    let text = alluvium_core::text::normalize(&hyphens::joined(raw));
    text.trim_end().trim_start_matches('\n').to_owned()
}

/// A page that could not be read.
fn failed_page(why: String) -> Piece {
    Piece { failed: Some(why.chars().take(200).collect()), ..Piece::default() }
}

#[cfg(test)]
#[path = "../../tests/support/pdf.rs"]
#[allow(dead_code, unreachable_pub)]
mod make;
#[cfg(test)]
mod tests;
