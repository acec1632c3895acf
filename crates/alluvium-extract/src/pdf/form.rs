//! What was typed into a PDF: values of form fields and free text on a page. A viewer draws them over the page, so that
//! they are no part of its content.

use std::collections::HashMap;

use pdfboss_core::{Annotation, ButtonKind, Document, FieldType, FormField, ObjRef, Page};

/// Fields of one document that are looked at, at most.
const MOST_FIELDS: usize = 50_000;
/// Values of one page, at most.
const MOST_VALUES: usize = 5_000;

/// The values of a document's fields, by the widgets that show them.
#[derive(Debug, Default)]
pub(super) struct Form {
    by_widget: HashMap<ObjRef, String>,
    /// What of the form can't be read.
    pub(super) unread: Option<String>,
}

impl Form {
    /// Reads the fields of a document.
    pub(super) fn of(document: &Document) -> Self {
        let Some(form) = document.interactive_form() else { return Self::default() };
        let mut read = Self::default();
        let fields = document.form_fields();
        if fields.len() > MOST_FIELDS {
            read.unread = Some(format!("values of more than {MOST_FIELDS} form fields"));
        }
        for field in fields.iter().take(MOST_FIELDS) {
            read.add(field);
        }
        // What viewers of today show of such a form is a page that asks for another viewer.
        if form.xfa && form.fields.is_empty() {
            read.unread = Some("the values of its XFA form".to_owned());
        }
        read
    }

    fn add(&mut self, field: &FormField) {
        if field.flags.password() {
            return;
        }
        if let Some(ButtonKind::CheckBox | ButtonKind::RadioButtons) = field.button_kind() {
            for at in field.on_widgets() {
                let value =
                    field.options.get(at).map(|option| option.name.clone()).or_else(|| on_state(field));
                if let (Some(widget), Some(value)) = (field.widgets.get(at), value) {
                    self.by_widget.insert(widget.object, value);
                }
            }
            return;
        }
        let value = match field.field_type {
            Some(FieldType::Text) => field.text(),
            Some(FieldType::Choice) => Some(shown(field).join(", ")),
            _ => None,
        };
        // Several widgets show one value; each page shows it once.
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            for widget in &field.widgets {
                self.by_widget.insert(widget.object, value.clone());
            }
        }
    }

    /// What was typed on a page, a line each, from top to bottom.
    pub(super) fn text_on(&self, document: &Document, page: &Page) -> String {
        let mut values: Vec<(f32, f32, String)> = Vec::new();
        for annotation in document.annotations(page).iter().filter(|annotation| is_seen(annotation)) {
            let value = match annotation.subtype.as_str() {
                "Widget" => annotation.object.and_then(|object| self.by_widget.get(&object)).cloned(),
                "FreeText" => annotation.contents.clone(),
                _ => None,
            };
            if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
                let (top, left) = annotation.rect.as_ref().map_or((0.0, 0.0), |rect| (rect.y1, rect.x0));
                values.push((top, left, value));
            }
            if values.len() >= MOST_VALUES {
                break;
            }
        }
        values.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
        let lines: Vec<String> = values.into_iter().map(|(.., value)| value).collect();
        lines.join("\n")
    }
}

/// The name of the state that a button is in, where it is a word of its own.
fn on_state(field: &FormField) -> Option<String> {
    let state = field.state()?;
    let says_nothing = matches!(state.to_ascii_lowercase().as_str(), "off" | "on" | "yes" | "true" | "x")
        || state.chars().all(|c| c.is_ascii_digit());
    (!says_nothing).then(|| state.to_owned())
}

/// The selected options as a reader sees them.
fn shown(field: &FormField) -> Vec<String> {
    let name = |value: String| {
        let option = field.options.iter().find(|option| option.export_value == value);
        option.map_or(value.clone(), |option| option.name.clone())
    };
    field.selected().into_iter().map(name).collect()
}

fn is_seen(annotation: &Annotation) -> bool {
    !(annotation.flags.hidden() || annotation.flags.no_view() || annotation.flags.invisible())
}
